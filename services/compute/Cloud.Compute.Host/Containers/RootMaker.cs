using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;

namespace Cloud.Compute.Host.Containers;

/// <summary>What a guest starts from: a disk over its image's for a machine, the image's layers for a container.</summary>
internal sealed class RootMaker(QemuDiskMaker disks, ContainerImages images) : IDiskMaker
{
    public Task MakeRootAsync(GuestSpec spec, string path, CancellationToken ct) =>
        spec.Image.DiskFormat == ContainerImages.Format ? images.UnpackAsync(spec.Image, ct) : disks.MakeRootAsync(spec, path, ct);
}
