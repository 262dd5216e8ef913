using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// Makes root disks with qemu-img: qcow2, copy-on-write over the image's disk. What a disk's header names is never opened: an image may
/// come from a stranger, and a guest's disk was written by its guest.
/// </summary>
internal sealed class QemuDiskMaker : IDiskMaker
{
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
            await QemuImg.RunAsync(
                ["create", "-q", "-f", "qcow2", "-u", "-b", image, "-F", spec.Image.DiskFormat, beside, QemuImg.Bytes(size)], ct);
            QemuImg.Keep(beside, path);
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

        await QemuImg.GrowAsync(new VmDiskLayer(path, VmDiskFormat.Qcow2), sizeBytes, ct);
    }
}
