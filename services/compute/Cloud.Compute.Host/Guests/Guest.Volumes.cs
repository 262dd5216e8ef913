using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.Vmm;
using Cloud.Vmm.Oci;

namespace Cloud.Compute.Host.Guests;

/// <summary>A guest's volumes, which come and go while it runs.</summary>
internal sealed partial class Guest
{
    private static readonly TimeSpan DiskLimit = TimeSpan.FromSeconds(5);

    /// <summary>Gives the guest a volume: now where it runs, and at each start from now on.</summary>
    public async Task AttachVolumeAsync(GuestVolume volume, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (IsContainer && OciDriver.WhyNoVolumes is { } none)
        {
            throw new VmException(none);
        }

        var before = Spec;
        ChangeSpec(Spec with { Volumes = [.. Spec.Volumes.Where(one => one.Volume != volume.Volume), volume] });
        if (_machine is not { } machine)
        {
            return;
        }

        try
        {
            await machine.PlugDiskAsync(_volumes.DiskOf(volume), ct);
        }
        catch
        {
            ChangeSpec(before);
            throw;
        }

        await AwaitDiskAsync(machine, volume, ct);
    }

    /// <summary>
    /// Until the guest has made the disk's device, so that its next command finds it: where it has booted, and has an agent to ask. Not for
    /// long, as one need not look for disks at all.
    /// </summary>
    private async Task AwaitDiskAsync(IVirtualMachine machine, GuestVolume volume, CancellationToken ct)
    {
        const string Look = "i=0; until [ -e \"$0\" ] || [ $i = 60 ]; do i=$((i + 1)); sleep 0.05; done";
        if (IsContainer || !Spec.Image.GuestAgent || !(_boot.Ended || _answered) || machine.State != VmState.Running)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(DiskLimit);
        try
        {
            await machine.Agent.ExecAsync(["/bin/sh", "-c", Look, $"/dev/disk/by-id/virtio-{volume.Serial}"], limit.Token);
        }
        catch (Exception away) when (away is VmException || (away is OperationCanceledException && !ct.IsCancellationRequested))
        {
            // It has the disk all the same, and finds it when it looks.
        }
    }

    /// <summary>Takes a volume from the guest. By force it is reset, or starts anew, where it does not let go.</summary>
    /// <exception cref="CloudException">The guest runs and has not let go of it.</exception>
    public async Task DetachVolumeAsync(string id, bool force, Func<Task<VmNic?>> join, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (Spec.Volumes.FirstOrDefault(one => one.Volume == id) is not { } volume)
        {
            return;
        }

        var without = Spec with { Volumes = Spec.Volumes.Where(one => one.Volume != id).ToList() };
        if (_machine is not { } machine || await machine.UnplugDiskAsync(volume.Serial, LetGoLimit(machine), force, ct))
        {
            ChangeSpec(without);
        }
        else if (force)
        {
            // Its board keeps what it has for as long as it runs.
            await machine.KillAsync(ct);
            await _watching.WaitAsync(ct);
            ChangeSpec(without);
            await StartInTurnAsync(await join(), CancellationToken.None);
        }
        else
        {
            throw CloudException.Conflict(
                HostErrors.VolumeHeld, "The guest has not let go of the volume: it may still be starting, or use it. Unmount it there.");
        }
    }

    /// <summary>Grows a volume under the running guest; false where it does not run, or only reads it.</summary>
    public async Task<bool> GrowVolumeAsync(string id, long sizeBytes, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_machine is not { } machine || Spec.Volumes.FirstOrDefault(one => one.Volume == id) is not { ReadOnly: false } volume)
        {
            return false;
        }

        await machine.GrowDiskAsync(volume.Serial, sizeBytes, ct);
        return true;
    }

    /// <summary>Whether the running guest has this file of a volume open; null where it does not run.</summary>
    public async Task<bool?> HasVolumeLayerAsync(string id, string path, CancellationToken ct) =>
        _machine is { } machine && Spec.Volumes.FirstOrDefault(one => one.Volume == id) is { ReadOnly: false } volume
            ? await machine.HasDiskLayerAsync(volume.Serial, path, ct)
            : null;

    /// <summary>
    /// Has the guest, where it runs, read one file of a volume instead of several, and writes that down before it can start anew.
    /// </summary>
    /// <param name="id">The volume.</param>
    /// <param name="layers">The files' paths, nearest first.</param>
    /// <param name="merged">The one that has what they have.</param>
    /// <param name="done">Called in any case: a guest that goes on with the several reads the same.</param>
    /// <returns>False where the running guest goes on with the several.</returns>
    public async Task<bool> ReplaceVolumeLayersAsync(string id, IReadOnlyList<string> layers, VmDiskLayer merged, Action done)
    {
        using var turn = await TurnOfAnyAsync(CancellationToken.None);
        try
        {
            // One that only reads has the uppermost of them as its own.
            return _machine is not { } machine || Spec.Volumes.FirstOrDefault(one => one.Volume == id) is not { ReadOnly: false } volume
                || await machine.ReplaceDiskLayersAsync(volume.Serial, layers, merged, CancellationToken.None);
        }
        catch (VmException)
        {
            return false;
        }
        finally
        {
            done();
        }
    }

    /// <summary>
    /// How long the guest may take to let go of a volume before whoever asked is told that it has not. A PCI Express slot gives it five
    /// seconds of its own time in which the button can be pressed again; one that is paused lets go of nothing.
    /// </summary>
    private TimeSpan LetGoLimit(IVirtualMachine machine) => TimeSpan.FromSeconds(
        machine.State != VmState.Running ? 1 : Spec.Image.Architecture == RiscV64 ? 25 : 6);
}
