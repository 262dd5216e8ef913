using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Cloud.EndToEnd.Tests;

/// <summary>Images that a project brings in: uploads, imports by URL, and what is refused.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class ImageTests(LocalCloud cloud)
{
    [Fact]
    public async Task Upload_WithItsChecksum_BootsByTheBoardsFirmware()
    {
        var disk = BootDisk.Make("Hello from the boot sector");
        var made = await cloud.PostAsync(
            "/v1/images", new { name = "sector", format = "raw", sha256 = Convert.ToHexStringLower(SHA256.HashData(disk)) });
        var id = made.GetProperty("id").GetString()!;
        (await PutAsync(id, disk)).ShouldBe(HttpStatusCode.OK);

        var instance = await cloud.PostAsync("/v1/instances?wait=60", new { name = "from-sector", image = "sector", type = "nano" });
        instance.GetProperty("status").GetString().ShouldBe("running");
        var instanceId = instance.GetProperty("id").GetString()!;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!(await cloud.Http.GetStringAsync($"/v1/instances/{instanceId}/console", limit.Token))
            .Contains("Hello from the boot sector", StringComparison.Ordinal))
        {
            await Task.Delay(100, limit.Token);
        }

        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/images/{id}")).Status.ShouldBe(HttpStatusCode.Conflict);
        await cloud.DeleteInstanceAsync(instanceId);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/images/{id}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task Upload_WithAnotherChecksum_IsRefused_AndCanBeTriedAgain()
    {
        var disk = BootDisk.Make("again");
        var made = await cloud.PostAsync(
            "/v1/images", new { name = "checked", format = "raw", sha256 = Convert.ToHexStringLower(SHA256.HashData(disk)) });
        var id = made.GetProperty("id").GetString()!;
        (await PutAsync(id, [.. disk.AsSpan(0, disk.Length - 1), 1])).ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await PutAsync(id, disk)).ShouldBe(HttpStatusCode.OK);
        (await PutAsync(id, disk)).ShouldBe(HttpStatusCode.Conflict);
        await cloud.SendAsync(HttpMethod.Delete, $"/v1/images/{id}");
    }

    [Fact]
    public async Task Upload_OfSomethingElse_IsRefused()
    {
        var made = await cloud.PostAsync("/v1/images", new { name = "letter", format = "qcow2" });
        (await PutAsync(made.GetProperty("id").GetString()!, Encoding.UTF8.GetBytes("Dear aunt,".PadRight(4096))))
            .ShouldBe(HttpStatusCode.UnprocessableEntity);
    }

    [Theory]
    [InlineData("http://127.0.0.1:{port}/health/live")]
    [InlineData("http://localhost:{port}/health/live")]
    [InlineData("http://[::1]:{port}/health/live")]
    [InlineData("http://[::ffff:127.0.0.1]:{port}/health/live")]
    [InlineData("http://0.0.0.0:{port}/health/live")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://10.80.0.16/")]
    public async Task Import_FromTheHostItself_IsRefused(string url)
    {
        var name = "inward-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4));
        var made = await cloud.PostAsync(
            "/v1/images?wait=60", new { name, url = url.Replace("{port}", $"{cloud.Http.BaseAddress!.Port}", StringComparison.Ordinal) });
        made.GetProperty("status").GetString().ShouldBe("failed");
        made.GetProperty("statusReason").GetString()!.ShouldContain("do not reach");
    }

    [Theory]
    [InlineData("file:///etc/shadow")]
    [InlineData("ftp://example.com/disk")]
    [InlineData("http://user:secret@example.com/disk")]
    [InlineData("disk.qcow2")]
    public async Task Import_ByAnotherScheme_NamesTheField(string url)
    {
        var (status, problem) = await cloud.SendAsync(HttpMethod.Post, "/v1/images", new { name = "scheme", url });
        status.ShouldBe(HttpStatusCode.BadRequest);
        problem!.Value.GetProperty("errors").TryGetProperty("url", out _).ShouldBeTrue();
    }

    private async Task<HttpStatusCode> PutAsync(string id, byte[] bytes)
    {
        using var content = new ByteArrayContent(bytes);
        using var response = await cloud.Http.PutAsync($"/v1/images/{id}/content", content);
        return response.StatusCode;
    }
}
