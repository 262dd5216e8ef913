using System.Security.Cryptography;
using System.Text;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// What a guest is, kept and gone on from. Suspend, restore and fork are one thing: the next start goes on from a snapshot
/// (<see cref="GuestRoot.From"/>), over a new file on the snapshot's own. So a start that a crash ended half-way is made again, and what
/// memory and disk hold is always of the same instant.
/// </summary>
internal sealed partial class Guest
{
    /// <summary>Each snapshot and each resume lays one more file over the root disk; they are merged meanwhile.</summary>
    private const int RootLayersMax = 150;

    private static readonly TimeSpan SetTimeLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan RenewLimit = TimeSpan.FromSeconds(30);

    private const string RootSerial = "root";
    private const string WentOn = "{\"phase\":\"snapshot\"}\n";
    private const string Ready = "{\"phase\":\"ready\"}\n";
    private const string RenewProgram = "/usr/lib/cloud-guest/cloud-guest";
    private const int RenewSeedBytes = 64;
    private const int RenewReasonMax = 300;

    private volatile GuestRoot _root;

    /// <summary>The files of its root disk.</summary>
    public GuestRoot Root => _root;

    private bool IsSuspended => _root.From == Spec.Id;

    /// <summary>Keeps what the running guest is, and with it what its volumes hold; it runs on.</summary>
    /// <param name="id">The snapshot's.</param>
    /// <param name="withVolumes">Else it is refused for a guest that has any.</param>
    /// <param name="ct">Heeded until it begins.</param>
    public async Task<GuestSnapshotRecord> SnapshotAsync(string id, bool withVolumes, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_snapshots.Find(id) is { } made)
        {
            return made;
        }

        if (Spec.Volumes.Count > 0 && !withVolumes)
        {
            throw CloudException.Conflict(HostErrors.HasVolumes, "A copy of a guest cannot have its volumes: detach them first.");
        }

        return await SaveAsync(RequireRunning(), id, goOn: true, ct);
    }

    /// <summary>Keeps what the running guest is and ends its machine.</summary>
    public async Task SuspendAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_machine is null && IsSuspended)
        {
            return;
        }

        var machine = RequireMachine();
        await SaveAsync(machine, Spec.Id, goOn: false, ct);
        ChangeRoot(_root with { From = Spec.Id });
        await machine.KillAsync(CancellationToken.None);
        await _watching;
        _changed(this);
    }

    /// <summary>Lets the guest go on, paused or suspended.</summary>
    public async Task ResumeAsync(VmNic? nic, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_machine is { } machine)
        {
            await machine.ResumeAsync(ct);
            ForgetSuspended();
            _changed(this);
            return;
        }

        if (!IsSuspended)
        {
            throw CloudException.Conflict(HostErrors.NotRunning, "The guest does not run.");
        }

        await StartInTurnAsync(nic, ct);
    }

    /// <summary>Ends the machine, and has the guest go on from a snapshot of it.</summary>
    public async Task RestoreAsync(string id, VmNic? nic, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        var snapshot = _snapshots.Require(id);
        if (snapshot.Guest != Spec.Id)
        {
            throw CloudException.NotFound("snapshot", id);
        }

        RequireSameVolumes(snapshot);
        if (snapshot.Vcpus != Spec.Vcpus || snapshot.MemoryBytes != Spec.MemoryBytes)
        {
            throw CloudException.Conflict(HostErrors.Resized, "The guest was given other processors or memory since.");
        }

        if (_machine is { } machine)
        {
            await machine.KillAsync(ct);
            await _watching.WaitAsync(ct);
        }

        ForgetSuspended();
        ChangeRoot(_root with { From = id });
        await StartInTurnAsync(nic, ct);
    }

    private async Task<GuestSnapshotRecord> SaveAsync(IVirtualMachine machine, string id, bool goOn, CancellationToken ct)
    {
        if (!machine.KeepsStates)
        {
            throw CloudException.Conflict(HostErrors.Refused, "What a guest of this engine is cannot be kept.");
        }

        if (_root.Layers.Count >= RootLayersMax)
        {
            throw CloudException.Conflict(
                HostErrors.TooManyLayers, $"The root disk lies over {RootLayersMax} files that are still to be merged: try again later.");
        }

        ShareRoot();
        var layers = _root.Layers;
        var overlays = new Dictionary<string, VmDiskLayer>(StringComparer.Ordinal);
        if (goOn)
        {
            var next = _snapshots.CreateOverlay(DiskFile.VirtualBytes(PathOf(layers[0]), DiskFile.Qcow2));
            ChangeRoot(_root with { Next = next });
            overlays[RootSerial] = new VmDiskLayer(PathOf(next), VmDiskFormat.Qcow2);
        }

        try
        {
            var volumes = goOn ? await LayOverVolumesAsync(machine, id, overlays, ct) : [];
            var state = await machine.SaveAsync(_snapshots.NewState(id), overlays, goOn, ct);
            foreach (var volume in volumes)
            {
                _volumes.Put(volume);
            }

            var snapshot = new GuestSnapshotRecord(
                id, Spec.Id, layers, state, Spec.Vcpus, Spec.MemoryBytes, new FileInfo(state.Path).Length, _root.Whole)
            {
                Volumes = goOn ? Spec.Volumes : [],
            };
            _snapshots.Put(snapshot);
            return snapshot;
        }
        finally
        {
            await SettleRootAsync(machine, CancellationToken.None);
            await SettleVolumesAsync(machine, CancellationToken.None);
        }
    }

    /// <summary>
    /// Has its root disk lie over one file instead of several, where it does, and writes that down before it can start anew.
    /// </summary>
    /// <param name="run">The files, nearest first.</param>
    /// <param name="merged">The one that has what they have.</param>
    /// <param name="ct">Ends it before it began.</param>
    /// <returns>False where the running guest goes on with the several, which it has open.</returns>
    public async Task<bool> ReplaceRootLayersAsync(IReadOnlyList<string> run, string merged, CancellationToken ct)
    {
        using var turn = await TurnOfAnyAsync(ct);
        if (MergePlan.Replace(_root.Layers, run, merged) is not { } layers)
        {
            return true;
        }

        try
        {
            return _machine is not { } machine || await ReplaceRootLayersAsync(machine, run.Select(PathOf).ToList(), PathOf(merged));
        }
        finally
        {
            ChangeRoot(_root with { Layers = layers });
        }
    }

    private async Task<bool> ReplaceRootLayersAsync(IVirtualMachine machine, IReadOnlyList<string> run, string merged)
    {
        var layer = new VmDiskLayer(merged, VmDiskFormat.Qcow2);
        try
        {
            // A machine that began before the root disk was shared knows that by its own name.
            return await machine.ReplaceDiskLayersAsync(RootSerial, run, layer, CancellationToken.None)
                || await machine.ReplaceDiskLayersAsync(
                    RootSerial, [.. run.SkipLast(1), Folder.RootDisk], layer, CancellationToken.None);
        }
        catch (VmException)
        {
            return false;
        }
    }

    /// <summary>From here on its root disk's files are shared with snapshots, and lie where those do.</summary>
    private void ShareRoot()
    {
        if (_root.Layers[^1] == GuestRoot.Own)
        {
            ChangeRoot(_root with { Layers = [.. _root.Layers.SkipLast(1), _snapshots.Share(Folder.RootDisk)] });
            File.Delete(Folder.RootDisk);
        }
    }

    /// <summary>Whether a file that was being laid on top is: the machine knows.</summary>
    private async Task SettleRootAsync(IVirtualMachine machine, CancellationToken ct)
    {
        if (_root.Next is { } next)
        {
            var isOpen = await machine.HasDiskLayerAsync(RootSerial, PathOf(next), ct);
            ChangeRoot(isOpen ? _root.Under(next) : _root with { Next = null });
        }
    }

    /// <summary>A machine of an agent before this one; false where it may not go on and was ended.</summary>
    private async Task<bool> SettleAsync(IVirtualMachine machine, CancellationToken ct)
    {
        if (_root.Renews)
        {
            // It has another guest's secrets. Its next start goes on from the snapshot once more.
            await machine.KillAsync(ct);
            await machine.DisposeAsync();
            return false;
        }

        await SettleRootAsync(machine, ct);
        if (_root.From is not null)
        {
            ForgetSuspended();
            ChangeRoot(_root with { From = null });
        }

        return true;
    }

    /// <summary>No machine runs: an empty file on top changes nothing, and one that is not empty was on top.</summary>
    private void SettleStopped()
    {
        if (_root.Next is { } next)
        {
            ChangeRoot(_root.Under(next));
        }
    }

    /// <summary>A guest that comes from another's snapshot, the first time that it is defined.</summary>
    private async Task ForkAsync(GuestSpec spec, CancellationToken ct)
    {
        if (spec.ForkOf is not { } id || File.Exists(Folder.Root))
        {
            return;
        }

        var top = _snapshots.CreateOverlay(_snapshots.RootBytesOf(id));
        lock (_snapshots.Naming)
        {
            var snapshot = _snapshots.Require(id);
            ChangeRoot(new GuestRoot([top, .. snapshot.Layers], From: id, Renews: true, Whole: snapshot.Whole));
        }
    }

    /// <summary>A new file over the snapshot's; null for a guest that boots.</summary>
    private async Task<SnapshotStart?> PrepareToGoOnAsync(CancellationToken ct)
    {
        if (_root.From is not { } id)
        {
            return null;
        }

        var top = _snapshots.CreateOverlay(Math.Max(Spec.RootDiskBytes, _snapshots.RootBytesOf(id)));
        GuestSnapshotRecord snapshot;
        lock (_snapshots.Naming)
        {
            snapshot = _snapshots.Require(id);
            ChangeRoot(_root with { Layers = [top, .. snapshot.Layers], Next = null, Whole = snapshot.Whole });
        }

        await RestoreVolumesAsync(snapshot, ct);
        return new SnapshotStart(snapshot, _root.Renews ? await TemplateOfAsync(snapshot, ct) : null);
    }

    private Task<VmTemplate> TemplateOfAsync(GuestSnapshotRecord snapshot, CancellationToken ct) => _snapshots.TemplateOfAsync(
        snapshot.Id,
        async () => await _driver.MakeTemplateAsync(await ToVmSpecAsync(nic: null, ct) with { From = snapshot.State }, ct), ct);

    /// <summary>
    /// The machine went on from a snapshot: what is to be put right in the guest is, and it is a run like any other. Whoever asked for it
    /// may be gone meanwhile: a guest that has another's secrets does not stay as it is.
    /// </summary>
    private async Task GoOnAsync()
    {
        if (_root.From is not { } from || _machine is not { } machine)
        {
            return;
        }

        if (Spec.Image.GuestAgent)
        {
            // What it does next may look at the clock.
            await machine.Agent.SetTimeAsync(_time.GetUtcNow(), SetTimeLimit, CancellationToken.None);
        }

        var begins = _root.Renews && Spec.BeginsAnew;
        if (Spec.Image.BootReport)
        {
            // What the guest would say at the end of a boot; it does not know that it went on. One that begins anew says so itself.
            await File.AppendAllTextAsync(Folder.BootReport, begins ? WentOn : WentOn + Ready, CancellationToken.None);
        }

        if (_root.Renews)
        {
            await RenewAsync(machine);
        }

        ChangeRoot(_root with { From = null, Renews = false });
        if (from == Spec.Id)
        {
            _snapshots.Remove(from);
        }

        _changed(this);
    }

    /// <summary>Gives a guest that was another's copy an identity of its own, or ends it.</summary>
    private async Task RenewAsync(IVirtualMachine machine)
    {
        var seed = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(RenewSeedBytes));
        string reason;
        try
        {
            using var limit = new CancellationTokenSource(RenewLimit, _time);
            var verb = Spec.BeginsAnew ? "begin" : "renew";
            var result = await machine.Agent.ExecAsync(
                [RenewProgram, verb, Spec.Id, Spec.HostName, Spec.MacAddress, Spec.Address, seed], limit.Token);
            if (result.ExitCode == 0)
            {
                return;
            }

            reason = Encoding.UTF8.GetString(result.StandardError.AsSpan(0, Math.Min(result.StandardError.Length, RenewReasonMax))).Trim();
        }
        catch (Exception failed) when (failed is VmException or OperationCanceledException)
        {
            reason = failed is VmException ? failed.Message : "It took too long.";
        }

        await machine.KillAsync(CancellationToken.None);
        await _watching;
        throw CloudException.Conflict(HostErrors.NotRenewed, $"The copy could not be given an identity of its own: {reason}");
    }

    /// <summary>What a suspended guest would go on from is of no more use.</summary>
    private void ForgetSuspended()
    {
        if (IsSuspended)
        {
            ChangeRoot(_root with { From = null });
            _snapshots.Remove(Spec.Id);
        }
    }

    private IVirtualMachine RequireRunning() => RequireMachine() is { State: VmState.Running } machine
        ? machine
        : throw CloudException.Conflict(HostErrors.NotRunning, "The guest is paused: resume it first.");

    private void ChangeRoot(GuestRoot root)
    {
        root.Write(Folder.Root);
        _root = root;
        _snapshots.AreNamed(root);
    }

    private string PathOf(string layer) => layer == GuestRoot.Own ? Folder.RootDisk : _snapshots.PathOf(layer);
}
