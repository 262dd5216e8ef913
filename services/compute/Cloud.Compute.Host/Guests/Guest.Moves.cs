using System.Net.Sockets;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Moves;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// To another host while it runs, and from one. Of the two hosts that one has the guest whose folder has its spec and says that it is not
/// away: the new one writes the spec before the guest's processors run there.
/// </summary>
internal sealed partial class Guest
{
    /// <summary>For the other host to take in the last of it and let it run.</summary>
    private static readonly TimeSpan HandOverLimit = TimeSpan.FromMinutes(1);

    private volatile CancellationTokenSource? _calledOff;
    private volatile GuestMoveReport? _move;
    private Task<GuestMoveReport>? _moving;
    private GuestDeparture? _comes;

    /// <summary>How far its latest move is; null for none since the agent's start.</summary>
    public GuestMoveReport? LatestMove
    {
        get
        {
            lock (_view)
            {
                return _move is { } move ? move with { UnderWay = _moving is { IsCompleted: false } } : null;
            }
        }
    }

    public bool IsLeaving => _machine?.IsLeaving == true;

    public async Task<GuestDeparture> DescribeDepartureAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        RequireNotLeaving();
        var machine = RequireRunning();
        if (!machine.Moves)
        {
            throw CloudException.Conflict(
                HostErrors.Refused, $"A guest of engine '{Spec.Engine}' does not go to another host while it runs.");
        }

        if (Spec.Volumes.Count > 0)
        {
            throw CloudException.Conflict(HostErrors.HasVolumes, "Its volumes lie on its host: detach them first.");
        }

        return new GuestDeparture
        {
            Spec = Spec,
            RootBytes = DiskFile.VirtualBytes(PathOf(_root.Layers[0]), DiskFile.Qcow2),
            Layers = _root.Layers.Skip(1).ToList(),
            Whole = _root.Whole,
            Slots = await machine.ReadSlotsAsync(ct),
            StartedAt = _run!.StartedAt,
        };
    }

    /// <summary>Has it go on where it is awaited. Goes on to its end whoever asks; asked again meanwhile, it is the same one.</summary>
    /// <param name="move">How, and where to.</param>
    /// <param name="tellNetwork">Tells the switch where the guest is.</param>
    public Task<GuestMoveReport> MoveAsync(GuestMove move, Func<PortPresence, Task> tellNetwork)
    {
        lock (_view)
        {
            return _moving is { IsCompleted: false } ? _moving : _moving = MoveInTurnAsync(move, tellNetwork);
        }
    }

    /// <summary>Calls off a move that is under way.</summary>
    public void CancelMove()
    {
        try
        {
            _calledOff?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended.
        }
    }

    /// <summary>It is on no other host: what it was when it was handed over goes on here.</summary>
    public async Task StayAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        Folder.SayPresence(PortPresence.Arrived);
        if (_machine is { IsLeaving: true } machine)
        {
            await machine.StayAsync(ct);
        }

        _changed(this);
    }

    /// <summary>Makes what a guest of another host is to find here: folder, seed, and a root disk over the same files.</summary>
    public async Task PrepareToComeAsync(GuestDeparture departure, IDiskMaker disks, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        _comes = departure;
        Folder.Make();
        Folder.SayPresence(PortPresence.Arrived);
        if (departure.Layers.Count == 0)
        {
            await disks.MakeRootAsync(Spec with { RootDiskBytes = departure.RootBytes }, Folder.RootDisk, ct);
            ChangeRoot(new GuestRoot([GuestRoot.Own]));
        }
        else
        {
            var top = await _snapshots.CreateOverlayAsync(departure.RootBytes, ct);
            ChangeRoot(new GuestRoot([top, .. departure.Layers], Whole: departure.Whole));
        }

        Seed.Write(Spec, Folder.Seed);
        new GuestRun(GuestRun.PresentBoot, departure.StartedAt, null).Write(Folder.Run);
        Folder.PrepareSpec(Spec);
    }

    /// <summary>Takes in one of the files below the root disk's own.</summary>
    public async Task TakeLayerAsync(MoveWay way, Stream content, CancellationToken ct)
    {
        if (_comes is not { } departure || way.File is not { } name || !departure.Layers.Contains(name))
        {
            throw new VmException("No such file is awaited.");
        }

        var beside = Path.Combine(Folder.Path, name);
        await using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write))
        {
            await CopyAsync(content, file, way.LengthBytes, ct);
        }

        QemuImg.Keep(beside, _snapshots.PathOf(name));
    }

    /// <summary>Takes in what the guest has printed or reported so far, at the same offsets.</summary>
    public async Task TakeLogAsync(MoveWay way, Stream content, CancellationToken ct)
    {
        var path = way.File switch
        {
            VmFolder.ConsoleLog => Folder.Console,
            VmFolder.BootReport => Folder.BootReport,
            _ => throw new VmException("No such file is awaited."),
        };
        await using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        file.Position = way.Offset;
        await CopyAsync(content, file, way.LengthBytes, ct);
    }

    public async Task<IVmArrival> AwaitMachineAsync(VmNic nic, CancellationToken ct) =>
        await _driver.AwaitAsync(await ToVmSpecAsync(nic, ct), _comes!.Slots, ct);

    /// <summary>It is this host's from the write of its spec on, and runs here.</summary>
    /// <param name="machine">Has all of it.</param>
    /// <param name="joining">Ends when the switch has its port.</param>
    /// <param name="isHere">Called at the instant from which on it is this host's.</param>
    public async Task ArriveAsync(IVmArrival machine, Task joining, Action isHere)
    {
        using var turn = await TurnAsync(CancellationToken.None);
        // The guest stands still: a disk's flush would be a good part of that. What it writes from here on is flushed after this.
        Folder.TakeSpec();
        isHere();
        await joining;
        var run = new GuestRun(GuestRun.PresentBoot, _comes!.StartedAt, null);
        lock (_view)
        {
            _boot.ReadOn(Folder.BootReport);
        }

        Hold(await machine.RunAsync(CancellationToken.None), run);
        Folder.SyncSpec();
    }

    private void RequireNotLeaving()
    {
        if (IsLeaving)
        {
            throw CloudException.Conflict(HostErrors.Unsettled, "An agent ended while it was handed over.");
        }
    }

    private async Task<GuestMoveReport> MoveInTurnAsync(GuestMove move, Func<PortPresence, Task> tellNetwork)
    {
        using var turn = await TurnAsync(CancellationToken.None);
        RequireNotLeaving();
        var machine = RequireRunning();
        if (!move.To.Layers.SequenceEqual(_root.Layers.Skip(1)))
        {
            throw new CloudException(
                ErrorKind.Unavailable, HostErrors.Moving, "Files of its root disk were merged since it was described: describe it anew.");
        }

        using var calledOff = new CancellationTokenSource();
        _calledOff = calledOff;
        try
        {
            _move = new GuestMoveReport { Phase = "layers" };
            var way = new Way(move.To.SocketPath, move.To.Secret);
            foreach (var layer in move.To.MissingLayers)
            {
                await way.SendFileAsync(MoveWays.Layer, layer, PathOf(layer), calledOff.Token);
            }

            var (begun, answer) = await way.OpenAsync(MoveWays.Begin, calledOff.Token);
            begun.Dispose();
            var result = await machine.MoveAsync(
                new VmMove
                {
                    ConnectAsync = async (name, ct) => (await way.OpenAsync(name, ct)).Socket,
                    HandOverAsync = () => HandOverAsync(way, tellNetwork),
                    Policy = MovePolicies.Parse(move.Policy),
                    RunLimit = TimeSpan.FromSeconds(move.RunLimitSeconds),
                    TakesMemoryLate = answer.TakesMemoryLate,
                    Progress = progress => _move = MovePolicies.ToReport(progress),
                },
                calledOff.Token);
            await _watching;
            return _move = MovePolicies.ToReport(result.Last) with
            {
                TotalSeconds = result.Total.TotalSeconds,
                DowntimeSeconds = result.Downtime.TotalSeconds,
            };
        }
        catch (VmUnsettledException unknown)
        {
            throw CloudException.Conflict(HostErrors.Unsettled, unknown.Message);
        }
        catch (Exception stayed)
            when (stayed is VmException or IOException or SocketException
                || (stayed is OperationCanceledException && calledOff.IsCancellationRequested))
        {
            throw CloudException.Conflict(
                HostErrors.NotMoved, stayed is OperationCanceledException ? "It was called off." : stayed.Message);
        }
        finally
        {
            _calledOff = null;
        }
    }

    /// <summary>The guest stands still and all of it is over there but what it printed. From here on its frames go there.</summary>
    private async Task HandOverAsync(Way way, Func<PortPresence, Task> tellNetwork)
    {
        using var limit = new CancellationTokenSource(HandOverLimit, _time);
        var before = Folder.Presence;
        Folder.SayPresence(PortPresence.Away);
        try
        {
            await PrepareHandOverAsync(way, tellNetwork, limit.Token);
            (await way.OpenAsync(MoveWays.Run, limit.Token)).Socket.Dispose();
        }
        catch (VmException)
        {
            Folder.SayPresence(before);
            await tellNetwork(before);
            throw;
        }
    }

    /// <summary>The last before it is asked to run there.</summary>
    /// <exception cref="VmException">It could not be done: it will never run there.</exception>
    private async Task PrepareHandOverAsync(Way way, Func<PortPresence, Task> tellNetwork, CancellationToken ct)
    {
        try
        {
            // At once, as the guest stands still.
            await Task.WhenAll(((string[])[Folder.Console, Folder.BootReport]).Where(File.Exists)
                .Select(log => way.SendFileAsync(MoveWays.Log, Path.GetFileName(log), log, ct)).Append(tellNetwork(PortPresence.Away)));
        }
        catch (Exception failed) when (failed is IOException or SocketException or OperationCanceledException or CloudException)
        {
            throw new VmException(failed.Message, failed);
        }
    }

    private static async Task CopyAsync(Stream from, Stream to, long lengthBytes, CancellationToken ct)
    {
        var buffer = new byte[1 << 18];
        while (lengthBytes > 0)
        {
            var read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, lengthBytes)), ct);
            await to.WriteAsync(read > 0 ? buffer.AsMemory(0, read) : throw new IOException("The file ended early."), ct);
            lengthBytes -= read;
        }
    }

    /// <summary>To the other host.</summary>
    private sealed class Way(string at, string secret)
    {
        public Task<(Socket Socket, MoveAnswer Answer)> OpenAsync(string name, CancellationToken ct) =>
            MoveWays.OpenAsync(at, new MoveWay(secret, name), null, ct);

        /// <summary>Sends what there is of a file, from where it has not been given back to the disk.</summary>
        public async Task SendFileAsync(string name, string file, string path, CancellationToken ct)
        {
            await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var offset = name == MoveWays.Log ? GuestLog.StartOf(content.SafeFileHandle) : 0;
            var length = content.Length - offset;
            content.Position = offset;
            var opened = await MoveWays.OpenAsync(
                at, new MoveWay(secret, name, file, offset, length), stream => CopyAsync(content, stream, length, ct), ct);
            opened.Socket.Dispose();
        }
    }
}
