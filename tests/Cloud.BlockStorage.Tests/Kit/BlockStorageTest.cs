using System.Net;
using System.Text.Json;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Tests.Kit;

/// <summary>A test against a shared service, with a project of its own. Each suite runs on both databases.</summary>
public abstract class BlockStorageTest(BlockStorageUnderTest storage)
{
    protected const long Mebibyte = 1 << 20;

    private static int _names;

    protected BlockStorageUnderTest Storage => storage;

    private protected FakeVolumeHosts Hosts => storage.Hosts;

    protected string Project { get; } = NewName("prj");

    protected static string NewName(string word) => $"{word}-{Interlocked.Increment(ref _names)}";

    protected Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body = null, Role role = Role.Editor, string? project = null) =>
        storage.SendAsync(method, path, body, project ?? Project, role);

    protected Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, object? body = null) =>
        SendAsync(HttpMethod.Post, path, body);

    protected async Task<JsonElement> GetAsync(string path)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    /// <summary>A volume that has settled as available; its id.</summary>
    protected async Task<string> CreateAsync(object? request = null)
    {
        var (status, made) = await PostAsync("/v1/volumes?wait=60", request ?? new { name = NewName("vol"), sizeBytes = 8 * Mebibyte });
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        StatusOf(made).ShouldBe("available", made.ToString());
        return IdOf(made);
    }

    protected string AddInstance() => Hosts.AddInstance(Project, NewName("i"));

    protected async Task<JsonElement> AttachAsync(string volume, string instance, object? request = null)
    {
        var (status, body) = await PostAsync($"/v1/volumes/{volume}/attach?wait=60", request ?? new { instance });
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    protected async Task<string> SnapshotAsync(string volume)
    {
        var (status, made) = await PostAsync("/v1/snapshots?wait=60", new { name = NewName("snap"), volume });
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        StatusOf(made).ShouldBe("available", made.ToString());
        return IdOf(made);
    }

    protected Task UntilAsync(string volume, string status) => Eventually.HoldsAsync(
        async () => StatusOf(await GetAsync($"/v1/volumes/{volume}")) == status, $"volume {volume} {status}");

    protected Task UntilGoneAsync(string volume) => Eventually.HoldsAsync(
        async () => (await SendAsync(HttpMethod.Get, $"/v1/volumes/{volume}")).Status == HttpStatusCode.NotFound, $"volume {volume} gone");

    /// <summary>The project's quota is this from now on.</summary>
    protected async Task LimitAsync(string quota, long limit)
    {
        await using var db = await storage.OpenDbAsync();
        await db.Database.ExecuteSqlAsync(
            $"""INSERT INTO "quota_limits" ("Project", "Name", "Limit", "Generation") VALUES ({Project}, {quota}, {limit}, 1)""");
    }

    /// <summary>The refusal that the answer must be: its code.</summary>
    protected static string RefusalOf((HttpStatusCode Status, JsonElement Body) answer, HttpStatusCode expected)
    {
        answer.Status.ShouldBe(expected, answer.Body.ToString());
        return answer.Body.GetProperty("code").GetString()!;
    }

    /// <summary>The answer must be a 400 that names this field.</summary>
    protected static void ShouldName((HttpStatusCode Status, JsonElement Body) answer, string field)
    {
        answer.Status.ShouldBe(HttpStatusCode.BadRequest, answer.Body.ToString());
        answer.Body.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(answer.Body.ToString());
    }

    protected static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    protected static string StatusOf(JsonElement resource) => resource.GetProperty("status").GetString()!;

    protected static string? ReasonOf(JsonElement resource) => resource.GetProperty("statusReason").GetString();
}
