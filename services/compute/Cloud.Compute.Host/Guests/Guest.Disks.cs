using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>A guest's disks, kept at one instant; and its root disk given what a snapshot holds.</summary>
internal sealed partial class Guest
{
    /// <summary>The image that its root disk lies over.</summary>
    /// <exception cref="CloudException">It is a container, which has none.</exception>
    public GuestImage RequireDiskImage() => Spec.Image.DiskFormat == ContainerImages.Format
        ? throw CloudException.Conflict(HostErrors.Refused, "A container has no root disk.")
        : Spec.Image;

    /// <summary>
    /// Lays files over disks of the guest, all at one instant, and writes that down before it can start, stop or change otherwise.
    /// </summary>
    /// <param name="overlays">The files by the volumes' ids.</param>
    /// <param name="root">Whether one is laid over its root disk too.</param>
    /// <param name="done">
    /// Called when it is so, with the paths of the files that the root disk was made of, nearest first; the image's is not among them.
    /// </param>
    /// <param name="ct">Heeded until it begins.</param>
    /// <returns>Whether the guest had written everything down and held still.</returns>
    public async Task<bool> LayDisksOverAsync(
        IReadOnlyDictionary<string, VmDiskLayer> overlays, bool root, Action<IReadOnlyList<string>> done, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (Folder.Presence == PortPresence.Away)
        {
            throw new CloudException(ErrorKind.Unavailable, HostErrors.Moving, "The guest has gone to another host.");
        }

        // A start that came before this turn has them open already.
        var written = Spec.Volumes
            .Where(one => !one.ReadOnly && overlays.ContainsKey(one.Volume) && _volumes.FindVolume(one.Volume)?.Next is not null)
            .ToDictionary(one => one.Serial, one => overlays[one.Volume], StringComparer.Ordinal);
        if (root)
        {
            written[RootSerial] = await PrepareRootOverlayAsync(ct);
        }

        var before = _root.Layers.Select(PathOf).ToList();
        if (_machine is not { } machine || written.Count == 0)
        {
            SettleStopped();
            done(before);
            return false;
        }

        var frozen = await FreezeAsync(machine, ct);
        try
        {
            // Whoever asked may be gone; what the guest writes to from now on is written down all the same.
            await machine.LayDisksOverAsync(written, CancellationToken.None);
            done(before);
        }
        finally
        {
            await SettleRootAsync(machine, CancellationToken.None);
            if (frozen)
            {
                await ThawAsync(machine, CancellationToken.None);
            }
        }

        return frozen;
    }

    /// <summary>Its root disk is what a snapshot holds, all of it, from its next start on.</summary>
    /// <exception cref="CloudException">It runs, or there is no such snapshot.</exception>
    public async Task ReplaceRootAsync(string snapshot, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_machine is not null)
        {
            throw CloudException.Conflict(HostErrors.Refused, "The guest runs: stop it first.");
        }

        RequireDiskImage();
        ForgetSuspended();
        await LieOverAsync(snapshot, Spec.RootDiskBytes, ct);
    }

    private async Task<VmDiskLayer> PrepareRootOverlayAsync(CancellationToken ct)
    {
        RequireDiskImage();
        if (_root.Layers.Count >= RootLayersMax)
        {
            throw CloudException.Conflict(HostErrors.TooManyLayers, "The files of the root disk are being merged. Try again.");
        }

        ShareRoot();
        var next = _snapshots.CreateOverlay(DiskFile.VirtualBytes(PathOf(_root.Layers[0]), DiskFile.Qcow2));
        ChangeRoot(_root with { Next = next });
        return new VmDiskLayer(PathOf(next), VmDiskFormat.Qcow2);
    }

    /// <summary>A guest whose root disk comes from a snapshot, the first time that it is defined.</summary>
    private Task TakeRootAsync(GuestSpec spec, CancellationToken ct) => spec.RootOf is { } snapshot && !File.Exists(Folder.Root)
        ? LieOverAsync(snapshot, spec.RootDiskBytes, ct)
        : Task.CompletedTask;

    private async Task LieOverAsync(string id, long sizeBytes, CancellationToken ct)
    {
        var snapshot = _volumes.FindSnapshot(id) ?? throw CloudException.NotFound("snapshot", id);
        if (snapshot.Layers.Any(layer => layer.Key is not null))
        {
            throw CloudException.Conflict(HostErrors.Refused, "A root disk does not lie over what is encrypted.");
        }

        var layers = snapshot.Layers.Select(layer => _snapshots.ShareNamed(_volumes.PathOf(layer))).ToList();
        var top = _snapshots.CreateOverlay(Math.Max(sizeBytes, snapshot.SizeBytes));
        ChangeRoot(new GuestRoot([top, .. layers], Whole: true));
        File.Delete(Folder.RootDisk);
    }

    private VmDiskLayer Open(string layer) =>
        layer == GuestRoot.Own ? new VmDiskLayer(Folder.RootDisk, VmDiskFormat.Qcow2) : _snapshots.Open(layer);

    private async Task MakeRootAsync(GuestSpec spec, IDiskMaker disks, CancellationToken ct)
    {
        await ForkAsync(spec, ct);
        await TakeRootAsync(spec, ct);
        await disks.MakeRootAsync(spec, PathOf(_root.Layers[0]), ct);
        if (spec.Image.DiskFormat != ContainerImages.Format)
        {
            Seed.Write(spec, Folder.Seed);
        }
    }
}
