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
        if (_machine is not null && !RequireRunning().Moves)
        {
            throw CloudException.Conflict(
                HostErrors.Refused, $"A guest of engine '{Spec.Engine}' does not go to another host while it runs.");
        }

        if (_root.From is { } from && from != Spec.Id)
        {
            throw CloudException.Conflict(HostErrors.Refused, "What it is to go on from is another's, and on this host: start it first.");
        }

        return new GuestDeparture
        {
            Spec = Spec,
            AtRest = _machine is null,
            Suspended = IsSuspended,
            Exit = _exit,
            RootBytes = IsContainer ? 0 : DiskFile.VirtualBytes(PathOf(_root.Layers[0]), DiskFile.Qcow2),
            Layers = _root.Layers.Skip(1).ToList(),
            Whole = _root.Whole,
            Slots = _machine is { } machine ? await machine.ReadSlotsAsync(ct) : new Dictionary<string, string>(),
            StartedAt = _run?.StartedAt,
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
            ChangeRoot(new GuestRoot([GuestRoot.Own], From: departure.Suspended ? Spec.Id : null));
        }
        else
        {
            var top = _snapshots.CreateOverlay(departure.RootBytes);
            ChangeRoot(new GuestRoot(
                [top, .. departure.Layers], From: departure.Suspended ? Spec.Id : null, Whole: departure.Whole));
        }

        if (!IsContainer)
        {
            Seed.Write(Spec, Folder.Seed);
        }

        if (departure.StartedAt is { } startedAt)
        {
            new GuestRun(GuestRun.PresentBoot, startedAt, departure.Exit).Write(Folder.Run);
        }

        Folder.PrepareSpec(Spec);
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
        await MoveOut.CopyAsync(content, file, way.LengthBytes, ct);
    }

    public async Task<IVmArrival> AwaitMachineAsync(VmNic? nic, CancellationToken ct) =>
        await _driver.AwaitAsync(await ToVmSpecAsync(nic, ct), _comes!.Slots, ct);

    /// <summary>It is this host's from the write of its spec on, and runs here.</summary>
    /// <param name="machine">What awaits it: it has all of it, or is about to.</param>
    /// <param name="joining">Ends when the switch has its port.</param>
    /// <param name="isHere">Called at the instant from which on it is this host's.</param>
    /// <returns>For how long it has run, by now.</returns>
    public async Task<TimeSpan> ArriveAsync(IVmArrival machine, Task joining, Action isHere)
    {
        using var turn = await TurnAsync(CancellationToken.None);
        await machine.ReadyAsync(CancellationToken.None);

        // The guest stands still: a disk's flush would be a good part of that. What it writes from here on is flushed after this.
        Folder.TakeSpec();
        isHere();
        await joining;
        var run = new GuestRun(GuestRun.PresentBoot, _comes!.StartedAt ?? _time.GetUtcNow(), null);
        lock (_view)
        {
            _boot.ReadOn(Folder.BootReport);
        }

        Hold(await machine.RunAsync(CancellationToken.None), run);
        Folder.SyncSpec();
        Room.Keep();
        return _time.GetElapsedTime(machine.RunsSince);
    }

    /// <summary>The same of one that does not run.</summary>
    public async Task<TimeSpan> ArriveAtRestAsync(Task joining, Action isHere)
    {
        using var turn = await TurnAsync(CancellationToken.None);
        Folder.TakeSpec();
        Folder.SyncSpec();
        isHere();
        await joining;
        lock (_view)
        {
            _boot.ReadOn(Folder.BootReport);
            _run = GuestRun.Read(Folder.Run);
            _exit = _run?.Exit;
        }

        Room.Keep();
        _changed(this);
        return TimeSpan.Zero;
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
        var machine = _machine is null ? null : RequireRunning();
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
            var way = new MoveOut(move.To.SocketPath, move.To.Secret);
            foreach (var layer in move.To.MissingLayers)
            {
                await way.SendSparseAsync(MoveWays.Layer, layer, PathOf(layer), calledOff.Token);
            }

            await Pack(isAtRest: machine is null).SendAsync(way, _volumes, _snapshots, calledOff.Token);
            if (machine is null)
            {
                return _move = await MoveAtRestAsync(way, tellNetwork, calledOff.Token);
            }

            var answer = await way.AskAsync(MoveWays.Begin, calledOff.Token);
            var sent = await SendLogsAsync(way, [0, 0], calledOff.Token);
            var result = await machine.MoveAsync(
                new VmMove
                {
                    ConnectAsync = async (name, ct) => (await way.OpenAsync(name, ct)).Socket,
                    SendLastAsync = () => SendLastAsync(way, sent, tellNetwork),
                    HandOverAsync = () => HandOverAsync(way),
                    Disks = [RootSerial, .. WrittenVolumes.Select(volume => volume.Serial)],
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
            await tellNetwork(Folder.Presence);
            throw CloudException.Conflict(
                HostErrors.NotMoved, stayed is OperationCanceledException ? "It was called off." : stayed.Message);
        }
        finally
        {
            _calledOff = null;
        }
    }

    private async Task<GuestMoveReport> MoveAtRestAsync(MoveOut way, Func<PortPresence, Task> tellNetwork, CancellationToken ct)
    {
        var began = _time.GetTimestamp();
        _move = new GuestMoveReport { Phase = "disks" };
        await SendRestAsync(way, ct);
        await way.AskAsync(MoveWays.Begin, ct);
        ct.ThrowIfCancellationRequested();
        await SendLastAsync(way, [0, 0], tellNetwork);
        try
        {
            await HandOverAsync(way);
        }
        catch (Exception unknown) when (unknown is IOException or SocketException or OperationCanceledException)
        {
            throw new VmUnsettledException($"It was handed over, and nobody said what became of it: {unknown.Message}", unknown);
        }

        return new GuestMoveReport { Phase = "done", TotalSeconds = _time.GetElapsedTime(began).TotalSeconds };
    }

    /// <summary>
    /// The guest stands still: what it printed since its logs were sent follows, at once, and from here on its frames go there.
    /// </summary>
    /// <exception cref="VmException">It could not be done: it will never run there.</exception>
    private async Task SendLastAsync(MoveOut way, long[] sent, Func<PortPresence, Task> tellNetwork)
    {
        using var limit = new CancellationTokenSource(HandOverLimit, _time);
        try
        {
            await Task.WhenAll(SendLogsAsync(way, sent, limit.Token), tellNetwork(PortPresence.Away));
        }
        catch (Exception failed) when (failed is IOException or SocketException or OperationCanceledException or CloudException)
        {
            throw new VmException(failed.Message, failed);
        }
    }

    /// <summary>Sends what the guest printed and reported from these offsets on; answers where that ended.</summary>
    private Task<long[]> SendLogsAsync(MoveOut way, long[] from, CancellationToken ct) => Task.WhenAll(
        ((string[])[Folder.Console, Folder.BootReport]).Zip(from, (log, offset) => way.SendLogAsync(log, offset, ct)));

    /// <summary>All of it is over there: it is asked to run.</summary>
    /// <returns>For how long it has, by now.</returns>
    private async Task<TimeSpan> HandOverAsync(MoveOut way)
    {
        using var limit = new CancellationTokenSource(HandOverLimit, _time);
        var before = Folder.Presence;
        Folder.SayPresence(PortPresence.Away);
        try
        {
            return TimeSpan.FromSeconds((await way.AskAsync(MoveWays.Run, limit.Token)).HasRunSeconds);
        }
        catch (VmException)
        {
            Folder.SayPresence(before);
            throw;
        }
    }
}
