using System.Net;

namespace Cloud.Compute.Tests.Instances;

/// <summary>What a container takes and a machine does not, and what an image in a registry is called.</summary>
public sealed class ContainerTests(ComputeUnderTest compute) : IClassFixture<ComputeUnderTest>
{
    [Fact]
    public async Task Create_OfAMachine_RefusesWhatOnlyAContainerTakes_EachByItsField()
    {
        var volume = compute.Storage.Add("to-mount");
        await RefusedAsync("command", new { name = "c", image = "tiny", command = new[] { "/bin/sh" } });
        await RefusedAsync("environment", new { name = "c", image = "tiny", environment = new { A = "b" } });
        await RefusedAsync("readOnlyRoot", new { name = "c", image = "tiny", readOnlyRoot = true });
        await RefusedAsync("engine", new { name = "c", image = "tiny", engine = "container" });
        await RefusedAsync("volumes", new { name = "c", image = "tiny", volumes = new[] { new { volume, mountPath = "/data" } } });
    }

    [Fact]
    public async Task Create_WithWhatIsNoContainersForm_IsRefusedByItsField()
    {
        await RefusedAsync("command", new { name = "c", image = "tiny", command = Array.Empty<string>() });
        var environment = new Dictionary<string, string> { ["A=B"] = "c" };
        await RefusedAsync("environment", new { name = "c", image = "tiny", environment });
        foreach (var path in (string[])["relative", "/", "/a/../b", "/proc/x", "/sys", "/dev/shm"])
        {
            await RefusedAsync(
                "volumes[0].mountPath", new { name = "c", image = "tiny", volumes = new[] { new { volume = "v", mountPath = path } } });
        }
    }

    [Fact]
    public async Task CreateImage_ForContainers_RefusesWhatIsNone()
    {
        await RefusedAsync("architecture", new { name = "i", format = "oci", architecture = "riscv64" }, "/v1/images");
        await RefusedAsync("reference", new { name = "i", format = "oci", reference = "no registry" }, "/v1/images");
        await RefusedAsync("reference", new { name = "i", format = "raw", reference = "registry.example.org/name:1" }, "/v1/images");
        await RefusedAsync(
            "reference",
            new { name = "i", format = "oci", reference = "registry.example.org/name:1", url = "http://example.org/x" }, "/v1/images");
    }

    private async Task RefusedAsync(string field, object body, string path = "/v1/instances")
    {
        var (status, answer) = await compute.SendAsync(HttpMethod.Post, path, body);
        status.ShouldBe(HttpStatusCode.BadRequest, answer.ToString());
        answer.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(answer.ToString());
    }
}
