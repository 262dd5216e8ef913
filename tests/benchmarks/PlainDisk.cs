using System.Globalization;

namespace Cloud.Benchmarks;

/// <summary>
/// A file system for a plain server: a folder of the host's own, or one on a file, as a volume reaches a container: by a loop device, and
/// for qcow2 by the storage daemon's FUSE below it. The latter two need root.
/// </summary>
internal sealed class PlainDisk : IAsyncDisposable
{
    private const string SizeBytes = "2147483648";
    private const string FileSystem = "nodiscard,lazy_itable_init=1,lazy_journal_init=1";

    private readonly string _files;
    private readonly Func<string, string[], Task<string>> _run;
    private string? _device;
    private int? _daemon;

    private PlainDisk(string name, string files, Func<string, string[], Task<string>> run) =>
        (Name, _files, _run, Folder) = (name, files, run, Path.Combine(files, "disk"));

    public string Name { get; }

    public string Folder { get; }

    /// <summary>Where a server's log lies where it has a disk of its own; null where it lies with the data.</summary>
    public PlainDisk? Log { get; private init; }

    /// <summary>All there can be here.</summary>
    public static async Task<IReadOnlyList<PlainDisk>> MakeAllAsync(string folder, Func<string, string[], Task<string>> run)
    {
        List<PlainDisk> disks = [new("the host's file system", Path.Combine(folder, "host"), run)];
        Directory.CreateDirectory(disks[0].Folder);
        if (Environment.IsPrivilegedProcess)
        {
            disks.Add(new("a raw file by loop", Path.Combine(folder, "raw"), run));
            await disks[1].MountAsync(await disks[1].MakeRawAsync());
            disks.Add(new("a qcow2 file by FUSE and loop", Path.Combine(folder, "qcow2"), run));
            await disks[2].MountAsync(await disks[2].ExportAsync());
            disks.Add(new("a qcow2 file by FUSE and loop, with its log on a raw one by loop", Path.Combine(folder, "both"), run)
            {
                Log = new("its log", Path.Combine(folder, "log"), run),
            });
            await disks[3].MountAsync(await disks[3].ExportAsync());
            await disks[3].Log!.MountAsync(await disks[3].Log!.MakeRawAsync());
        }

        return disks;
    }

    public async ValueTask DisposeAsync()
    {
        if (Log is not null)
        {
            await Log.DisposeAsync();
        }

        if (_device is { } device)
        {
            await _run("umount", [Folder]);
            await _run("losetup", ["--detach", device]);
        }

        if (_daemon is { } daemon)
        {
            await _run("kill", [daemon.ToString(CultureInfo.InvariantCulture)]);
        }
    }

    private async Task<string> MakeRawAsync()
    {
        Directory.CreateDirectory(_files);
        var file = Path.Combine(_files, "volume.raw");
        await _run("truncate", ["--size", SizeBytes, file]);
        return file;
    }

    private async Task<string> ExportAsync()
    {
        Directory.CreateDirectory(_files);
        var (file, shown, pid) = (Path.Combine(_files, "volume.qcow2"), Path.Combine(_files, "shown"), Path.Combine(_files, "pid"));
        await File.WriteAllBytesAsync(shown, []);
        await _run("qemu-img", ["create", "-q", "-f", "qcow2", file, SizeBytes]);
        await _run(
            "qemu-storage-daemon",
            [
                "--daemonize", "--pidfile", pid, "--blockdev", $"driver=file,node-name=file,filename={file},discard=unmap",
                "--blockdev", "driver=qcow2,node-name=disk,file=file,discard=unmap",
                "--export", $"type=fuse,id=export,node-name=disk,mountpoint={shown},writable=on,allow-other=off",
            ]);
        _daemon = int.Parse(await File.ReadAllTextAsync(pid), CultureInfo.InvariantCulture);
        return shown;
    }

    private async Task MountAsync(string file)
    {
        Directory.CreateDirectory(Folder);
        var device = (await _run("losetup", ["--find", "--show", file])).Trim();
        await _run("mkfs.ext4", ["-q", "-F", "-m", "0", "-E", FileSystem, device]);
        await _run("mount", [device, Folder]);
        _device = device;
    }
}
