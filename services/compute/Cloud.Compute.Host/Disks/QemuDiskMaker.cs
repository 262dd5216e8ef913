using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// Makes root disks with qemu-img: qcow2, copy-on-write over the image's disk. What a disk's header names is never opened: an image may
/// come from a stranger, and a guest's disk was written by its guest.
/// </summary>
internal sealed class QemuDiskMaker : IDiskMaker
{
    private const int SaidLengthMax = 300;
    private const int SectorBytes = 512;

    public async Task MakeRootAsync(GuestSpec spec, string path, CancellationToken ct)
    {
        if (File.Exists(path))
        {
            await GrowAsync(path, spec.RootDiskBytes, ct);
        }
        else
        {
            await CreateAsync(spec, path, ct);
        }
    }

    private static async Task CreateAsync(GuestSpec spec, string path, CancellationToken ct)
    {
        var image = Path.GetFullPath(Path.Combine(spec.Image.Folder, spec.Image.Disk));
        var size = Math.Max(spec.RootDiskBytes, DiskFile.VirtualBytes(image, spec.Image.DiskFormat));
        var beside = path + ".new";
        try
        {
            // -u: the image is not opened, so neither is what its header may name.
            await RunAsync(["create", "-q", "-f", "qcow2", "-u", "-b", image, "-F", spec.Image.DiskFormat, beside, Bytes(size)], ct);
            File.SetUnixFileMode(beside, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            using (var file = File.OpenHandle(beside, FileMode.Open, FileAccess.ReadWrite))
            {
                RandomAccess.FlushToDisk(file);
            }

            File.Move(beside, path, overwrite: false);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    private static async Task GrowAsync(string path, long sizeBytes, CancellationToken ct)
    {
        if (DiskFile.VirtualBytes(path, DiskFile.Qcow2) >= sizeBytes)
        {
            return;
        }

        var alone = new JsonObject
        {
            ["driver"] = DiskFile.Qcow2,
            ["backing"] = null,
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path },
        };
        await RunAsync(["resize", "-q", $"json:{alone.ToJsonString()}", Bytes(sizeBytes)], ct);
    }

    /// <summary>In whole sectors, as qemu-img wants it.</summary>
    private static string Bytes(long count) =>
        ((count + SectorBytes - 1) / SectorBytes * SectorBytes).ToString(CultureInfo.InvariantCulture);

    private static async Task RunAsync(IReadOnlyList<string> arguments, CancellationToken ct)
    {
        using var program = Process.Start(new ProcessStartInfo("qemu-img", arguments) { RedirectStandardError = true })
            ?? throw new InvalidOperationException("qemu-img was not started.");
        try
        {
            var said = await program.StandardError.ReadToEndAsync(ct);
            await program.WaitForExitAsync(ct);
            if (program.ExitCode != 0)
            {
                throw new CloudException(
                    ErrorKind.Unavailable, "disk-failed", "The root disk could not be made or grown on this host.",
                    new IOException(said.Length <= SaidLengthMax ? said.Trim() : said[..SaidLengthMax]));
            }
        }
        catch (OperationCanceledException)
        {
            program.Kill();
            throw;
        }
    }
}
