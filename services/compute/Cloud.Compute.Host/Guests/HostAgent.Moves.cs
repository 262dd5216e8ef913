using System.Collections.Concurrent;
using System.Security.Cryptography;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Moves;
using Cloud.Compute.Host.Network;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>Guests that go to other hosts and come from them.</summary>
internal sealed partial class HostAgent
{
    private const int SocketNameBytes = 6;

    /// <summary>What a guest takes before anything of it has come.</summary>
    private const long ArrivalBytesMin = 16 << 20;

    private readonly ConcurrentDictionary<string, Arrival> _arrivals = new(StringComparer.Ordinal);

    /// <summary>What a guest left here is forgotten before it comes back, or not at all.</summary>
    private readonly SemaphoreSlim _comingsAndGoings = new(1, 1);

    /// <summary>A guest is on its way from here, or to here: what its files are does not change now.</summary>
    public bool AnyMoves => !_arrivals.IsEmpty || Volatile.Read(ref _volumesLeaving) > 0
        || _guests.Values.Any(guest => guest.LatestMove is { UnderWay: true });

    public async Task<GuestDeparture> DescribeDepartureAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        GuestDeparture? departure = null;
        await ByEngineAsync(async () => departure = await guest.DescribeDepartureAsync(ct));
        return departure!;
    }

    public async Task<GuestArrival> AwaitGuestAsync(GuestDeparture departure, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        var spec = departure.Spec;
        if (!GuestFolder.IsName(spec.Id) || departure.Layers.Any(layer => Path.GetFileName(layer) != layer))
        {
            throw CloudException.Invalid("id", "Expected lower-case letters, digits and '-'.");
        }

        if (!File.Exists(Path.Combine(spec.Image.Folder, spec.Image.Disk)))
        {
            throw CloudException.Conflict(HostErrors.Refused, $"This host does not have the image {spec.Image.Id}.");
        }

        if (new DriveInfo(options.Value.Folder).AvailableFreeSpace < ArrivalBytesMin)
        {
            throw CloudException.Conflict(HostErrors.NotMoved, $"The disk of host {options.Value.Name} is full.");
        }

        if (!await EndArrivalAsync(spec.Id, ct))
        {
            throw CloudException.Conflict(HostErrors.Moving, "The guest is on this host already.");
        }

        // What it left here when it went.
        using var turn = await Turn.TakeAsync(_comingsAndGoings, ct);
        await RemoveAsync(spec.Id, ct);
        var guest = NewGuest(new GuestFolder(GuestsFolder, spec.Id), spec);
        try
        {
            await guest.PrepareToComeAsync(departure, disks, ct);
        }
        catch
        {
            guest.Folder.Delete();
            await guest.DisposeAsync();
            throw;
        }

        var arrival = Await(spec.Id, new GuestSteps(this, guest, network));
        return new GuestArrival(
            options.Value.Name, arrival.SocketPath, arrival.Secret, departure.Layers,
            departure.Layers.Where(layer => !File.Exists(snapshots.PathOf(layer))).ToList());
    }

    public async Task<bool> EndArrivalAsync(string id, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        return (!_arrivals.TryGetValue(id, out var arrival) || await arrival.EndAsync())
            && (!_guests.TryGetValue(id, out var guest) || (guest.Folder.Presence == PortPresence.Away && !guest.IsLeaving));
    }

    public async Task<GuestMoveReport> MoveGuestAsync(string id, GuestMove move, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        MovePolicies.Parse(move.Policy);
        var report = await guest.MoveAsync(move, presence => network.JoinAsync(guest.Spec, presence, CancellationToken.None)).WaitAsync(ct);
        LogMoved(log, id, move.To.Host, report.TotalSeconds, report.DowntimeSeconds);
        return report;
    }

    public async Task<GuestMoveReport?> FindMoveAsync(string id, CancellationToken ct) => (await RequireAsync(id, ct)).LatestMove;

    public async Task CancelMoveAsync(string id, CancellationToken ct) => (await RequireAsync(id, ct)).CancelMove();

    public async Task<GuestReport> StayAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.StayAsync(ct));
        await network.JoinAsync(guest.Spec, guest.Folder.Presence, ct);
        return guest.Report();
    }

    public async Task ForgetDepartedAsync(string id, IReadOnlyList<string> departed, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        using var turn = await Turn.TakeAsync(_comingsAndGoings, ct);
        if (_arrivals.ContainsKey(id) || (_guests.TryGetValue(id, out var guest) && guest.Folder.Presence != PortPresence.Away))
        {
            // It has come back, or is about to.
            return;
        }

        await RemoveAsync(id, ct);
        using (await volumes.TurnAsync(ct))
        {
            foreach (var snapshot in volumes.Snapshots.Where(snapshot => departed.Contains(snapshot.Volume)).ToList())
            {
                volumes.RemoveSnapshot(snapshot.Id);
            }

            foreach (var volume in departed.Where(volume => HolderOf(volume) is null))
            {
                volumes.RemoveVolume(volume);
            }
        }

        foreach (var snapshot in snapshots.Snapshots.Where(snapshot => snapshot.Guest == id).ToList())
        {
            snapshots.Remove(snapshot.Id);
        }

        SweepLayers();
    }

    public Task SetPeersAsync(IReadOnlyList<HostPeer> peers, CancellationToken ct) => network.LinkAsync(peers, ct);

    public Task SetServicesAsync(IReadOnlyList<HostService> services, CancellationToken ct) => network.ServeAsync(services, ct);

    private Arrival Await(string id, IArrivalSteps steps)
    {
        var arrival = new Arrival(
            steps, Path.Combine(ArrivalsFolder, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SocketNameBytes))), time);
        _arrivals[id] = arrival;
        LogAwaits(log, id);
        return arrival;
    }

    private void SayArrived(string id) => LogArrived(log, id);

    private void SayAbandoned(string id) => LogAbandoned(log, id);

    /// <summary>A guest comes.</summary>
    private sealed class GuestSteps(HostAgent agent, Guest guest, GuestNetwork network) : IArrivalSteps
    {
        public Guest Guest => guest;

        public LuggageRoom Room => guest.Room;

        public bool ComesAtRest => guest.ComesAtRest;

        public Task TakeFileAsync(MoveWay way, Stream content, CancellationToken ct) => guest.TakeFileAsync(way, content, ct);

        public async Task<IVmArrival> AwaitMachineAsync(CancellationToken ct) =>
            await guest.AwaitMachineAsync(await network.JoinAsync(guest.Spec, PortPresence.Arriving, ct), ct);

        public async Task<TimeSpan> ArriveAsync(IVmArrival? machine, Action isHere)
        {
            var joining = network.JoinAsync(guest.Spec, PortPresence.Arrived, CancellationToken.None);
            try
            {
                return await (machine is null
                    ? guest.ArriveAtRestAsync(joining, Take)
                    : guest.ArriveAsync(machine, joining, Take));
            }
            finally
            {
                await ((Task)joining).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            void Take()
            {
                agent._guests[guest.Spec.Id] = guest;
                agent._arrivals.TryRemove(guest.Spec.Id, out _);
                isHere();
                agent.SayArrived(guest.Spec.Id);
            }
        }

        public async Task AbandonAsync()
        {
            // What takes room goes first: the network writes down what it does.
            await Room.DropAsync();
            guest.Folder.Delete();
            await guest.DisposeAsync();
            agent.SweepLayers();
            await network.PartAsync(guest.Spec, CancellationToken.None);
            agent._arrivals.TryRemove(guest.Spec.Id, out _);
            agent.SayAbandoned(guest.Spec.Id);
        }
    }

    [LoggerMessage(EventId = 3800, Level = LogLevel.Information, Message = "Awaits guest {Guest} of another host")]
    private static partial void LogAwaits(ILogger log, string guest);

    [LoggerMessage(EventId = 3801, Level = LogLevel.Information, Message = "Guest {Guest} has arrived and runs here")]
    private static partial void LogArrived(ILogger log, string guest);

    [LoggerMessage(EventId = 3802, Level = LogLevel.Information, Message = "Awaits guest {Guest} no more")]
    private static partial void LogAbandoned(ILogger log, string guest);

    [LoggerMessage(
        EventId = 3803, Level = LogLevel.Information,
        Message = "Guest {Guest} has gone to host {Host} in {Seconds} s, and stood still for {DowntimeSeconds} s")]
    private static partial void LogMoved(ILogger log, string guest, string host, double? seconds, double? downtimeSeconds);
}
