using System.Globalization;
using System.Net;
using System.Text.Json;
using Cloud.Testing;

namespace Cloud.EndToEnd.Tests;

/// <summary>Containers of a cloud that no administrator started.</summary>
[Collection(OnOrdinaryUsersCloud.Name)]
public sealed class OrdinaryUserTests(OrdinaryUsersCloud cloud)
{
    private const string Server =
        "trap 'exit 0' TERM; echo hello > /tmp/index.html; httpd -h /tmp; echo up; while :; do sleep 0.1; done";

    [Fact]
    public async Task Container_RunsWithNetworkAndUsersOfItsOwn_OutlivesTheCloudsProcess_AndLeavesNothing()
    {
        var made = await CreateAsync("web", new { ports = (object[])[new { guest = 80 }], command = (string[])["/bin/sh", "-c", Server] });
        made.GetProperty("status").GetString().ShouldBe("running", made.ToString());
        made.GetProperty("engine").GetString().ShouldBe("container");
        var id = made.GetProperty("id").GetString()!;
        var folder = Path.Combine(cloud.Data, "host", "guests", id);
        var process = int.Parse(
            await File.ReadAllTextAsync(Path.Combine(folder, "container.pid")), NumberStyles.None, CultureInfo.InvariantCulture);
        var its = OrdinaryUsersCloud.UserOf(process)!.Value;
        var users = OrdinaryUsersCloud.UserOf(cloud.Units["cloud"])!.Value;
        users.ShouldNotBe(0u);
        its.ShouldNotBeOneOf(0u, users);

        await AnswersAsync(made);
        (await cloud.ShellAsync(id, "id -u; nslookup web | tail -n 2")).ShouldStartWith("0\n");
        (await ActAsync(id, "pause")).ShouldBe("paused");
        (await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/exec", new { command = (string[])["/bin/true"] }))
            .Status.ShouldNotBe(HttpStatusCode.OK);
        (await ActAsync(id, "resume")).ShouldBe("running");
        await cloud.KillAsync("cloud");
        await cloud.UpAsync();
        await AnswersAsync(made);
        OrdinaryUsersCloud.UserOf(process).ShouldBe(its);
        (await ActAsync(id, "stop")).ShouldBe("stopped");
        (await ActAsync(id, "start")).ShouldBe("running");
        (await cloud.ShellAsync(id, "cat /tmp/index.html")).ShouldBe("hello\n");

        var layers = Directory.GetDirectories(Path.Combine(cloud.Data, "host", "layers"));
        var other = (await CreateAsync("other", new { command = (string[])["/bin/sleep", "100"] })).GetProperty("id").GetString()!;
        (await cloud.ShellAsync(other, "wget -q -O - http://web/")).ShouldBe("hello\n");
        Directory.GetDirectories(Path.Combine(cloud.Data, "host", "layers")).ShouldBe(layers);

        await cloud.DeleteInstanceAsync(id);
        await cloud.DeleteInstanceAsync(other);
        OrdinaryUsersCloud.ProcessesOf(its, 65536).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_AnOrdinaryUserCannotHave_IsSaid()
    {
        var engines = (await cloud.GetAsync("/v1/engines")).GetProperty("items").EnumerateArray();
        var container = engines.Single(engine => engine.GetProperty("name").GetString() == "container").GetProperty("hosts")[0];
        container.GetProperty("works").GetBoolean().ShouldBeTrue(container.ToString());
        container.GetProperty("reason").GetString()!.ShouldContain("user namespace");
        var lacks = container.GetProperty("lacks");

        await cloud.PostAsync("/v1/volumes?wait=60", new { name = "data", sizeBytes = "32Mi" });
        var (status, refused) = await cloud.SendAsync(
            HttpMethod.Post, "/v1/instances", new { name = "w", image = "tiny-container", type = "nano", volumes = (string[])["data"] });
        status.ShouldBe(HttpStatusCode.BadRequest, refused.ToString());
        refused!.Value.GetProperty("errors").GetProperty("volumes")[0].GetString().ShouldBe(lacks.GetProperty("volumes").GetString());

        if (lacks.TryGetProperty("limits", out var limits))
        {
            var made = await CreateAsync("unbounded", new { command = (string[])["/bin/sleep", "100"] });
            made.GetProperty("engineReason").GetString()!.ShouldContain(limits.GetString()!);
            var id = made.GetProperty("id").GetString()!;
            (await cloud.SendAsync(HttpMethod.Post, "/v1/volumes/data/attach?wait=30", new { instance = id })).Status
                .ShouldNotBe(HttpStatusCode.OK);
            await cloud.DeleteInstanceAsync(id);
        }
    }

    /// <summary>Its server answers: one that runs may only be about to listen.</summary>
    private static async Task AnswersAsync(JsonElement instance)
    {
        using var browser = new HttpClient();
        var port = instance.GetProperty("ports")[0].GetProperty("port").GetInt32();
        await Eventually.HoldsAsync(async () =>
        {
            try
            {
                return await browser.GetStringAsync($"http://127.0.0.1:{port}/index.html") == "hello\n";
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }, "the server in the container answers");
    }

    private Task<JsonElement> CreateAsync(string name, object with)
    {
        var body = new Dictionary<string, object?> { ["name"] = name, ["image"] = "tiny-container", ["type"] = "nano" };
        foreach (var property in with.GetType().GetProperties())
        {
            body[property.Name] = property.GetValue(with);
        }

        return cloud.PostAsync("/v1/instances?wait=60", body);
    }

    private async Task<string?> ActAsync(string id, string action)
    {
        var (status, body) = await cloud.SendAsync(HttpMethod.Post, $"/v1/instances/{id}/{action}?wait=60");
        status.ShouldBe(HttpStatusCode.OK);
        return body!.Value.GetProperty("status").GetString();
    }
}
