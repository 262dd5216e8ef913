using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// Makes root disks: qcow2, copy-on-write over the image's disk. What a disk's header names is never opened: an image may
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
            Create(spec, path);
        }
    }

    private static void Create(GuestSpec spec, string path)
    {
        var image = Path.GetFullPath(Path.Combine(spec.Image.Folder, spec.Image.Disk));
        var size = Math.Max(spec.RootDiskBytes, DiskFile.VirtualBytes(image, spec.Image.DiskFormat));
        Qcow2File.Create(path, size, (image, spec.Image.DiskFormat));
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
