using System.Diagnostics;
using System.Text.Json;
using Cloud.Compute.Host.Disks;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>What QEMU's own programs say of the files.</summary>
public sealed class Qcow2FileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-qcow2-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1, 512)]
    [InlineData(64 << 20, 64 << 20)]
    [InlineData((512L << 20) + 512, (512L << 20) + 512)]
    [InlineData(100L << 40, 100L << 40)]
    public async Task File_OfAnySize_IsSound_AndHoldsItsFirstAndLastBytes(long sizeBytes, long takenBytes)
    {
        var path = Path.Combine(_folder, "disk.qcow2");
        Qcow2File.Create(path, sizeBytes);
        var info = await InfoAsync(path);
        info.GetProperty("virtual-size").GetInt64().ShouldBe(takenBytes);
        info.GetProperty("actual-size").GetInt64().ShouldBeLessThan(64 << 10);
        info.GetProperty("format-specific").GetProperty("data").GetProperty("refcount-bits").GetInt32().ShouldBe(16);
        File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await RunAsync("qemu-io", "-c", "read -P 0 0 512", "-c", "write -P 1 0 512", "-c", $"write -P 2 {takenBytes - 512} 512", path);
        await RunAsync("qemu-img", "check", "-q", path);
        await RunAsync("qemu-io", "-c", $"read -P 2 {takenBytes - 512} 512", path);
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qcow2")]
    public async Task File_OverAnother_ReadsItsBytes_AndKeepsItsOwn(string format)
    {
        var below = Path.Combine(_folder, "be,low");
        await RunAsync("qemu-img", "create", "-q", "-f", format, below, "4M");
        await RunAsync("qemu-io", "-f", format, "-c", "write -P 7 0 1M", below);
        var path = Path.Combine(_folder, "over.qcow2");
        Qcow2File.Create(path, 8 << 20, (below, format));
        var info = await InfoAsync(path);
        info.GetProperty("backing-filename").GetString().ShouldBe(below);
        info.GetProperty("backing-filename-format").GetString().ShouldBe(format);
        await RunAsync(
            "qemu-io", "-c", "read -P 7 0 1M", "-c", "write -P 8 0 64k", "-c", "read -P 7 64k 64k", "-c", "read -P 0 7M 1M", path);
        await RunAsync("qemu-img", "check", "-q", path);
        await RunAsync("qemu-io", "-f", format, "-c", "read -P 7 0 1M", below);
    }

    private static async Task<JsonElement> InfoAsync(string path) =>
        JsonDocument.Parse(await RunAsync("qemu-img", "info", "--output=json", path)).RootElement;

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        (process.ExitCode, said.Contains("Pattern verification failed", StringComparison.Ordinal))
            .ShouldBe((0, false), $"{said} {await errors}");
        return said;
    }
}
