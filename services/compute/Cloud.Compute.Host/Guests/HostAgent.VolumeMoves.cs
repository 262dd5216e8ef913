using System.Net.Sockets;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Moves;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// Volumes that no guest has, which go to other hosts and come from them. Which host's a volume is is block storage's to say: both have it
/// until it has said so.
/// </summary>
internal sealed partial class HostAgent
{
    private int _volumesLeaving;

    /// <summary>Awaits a volume that no guest has, and its snapshots; what there is of it from another time is replaced.</summary>
    public async Task<GuestArrival> AwaitVolumeAsync(string volume, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        if (!GuestFolder.IsName(volume))
        {
            throw CloudException.Invalid("volume", "Expected lower-case letters, digits and '-'.");
        }

        if (_arrivals.TryGetValue(volume, out var before))
        {
            await before.EndAsync();
        }

        await ForgetDepartedAsync(volume, [volume], ct);
        var folder = Directory.CreateDirectory(Path.Combine(ArrivalsFolder, volume)).FullName;
        var arrival = Await(volume, new VolumeSteps(this, volume, folder, volumes, snapshots));
        return new GuestArrival(options.Value.Name, arrival.SocketPath, arrival.Secret, [], []);
    }

    /// <summary>Sends a volume that no guest has to where it is awaited.</summary>
    public async Task SendVolumeAsync(string volume, GuestArrival to, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        var record = volumes.FindVolume(volume) ?? throw CloudException.NotFound("volume", volume);
        using (await volumes.TurnAsync(ct))
        {
            if (!record.Leaves)
            {
                RequireFree(volume);
            }

            // Whoever wrote to it has ended, and nobody does from here on.
            await SettleVolumeAsync(volumes.FindVolume(volume)!, ct);
            volumes.Put(volumes.FindVolume(volume)! with { Leaves = true });
        }

        Interlocked.Increment(ref _volumesLeaving);
        try
        {
            var way = new MoveOut(to.SocketPath, to.Secret);
            await Luggage.Pack([new MovedVolume(volumes.FindVolume(volume)!, false)], null, volumes, snapshots)
                .SendAsync(way, volumes, snapshots, ct);
            await way.AskAsync(MoveWays.Begin, ct);
            await way.AskAsync(MoveWays.Run, ct);
        }
        catch (Exception stayed) when (stayed is VmException or IOException or SocketException)
        {
            throw new CloudException(
                ErrorKind.Unavailable, HostErrors.NotMoved, $"The volume could not be moved: {stayed.Message}", stayed);
        }
        finally
        {
            Interlocked.Decrement(ref _volumesLeaving);
        }
    }

    /// <summary>A volume that was to go to another host does not: it is written to here again.</summary>
    public async Task KeepVolumeAsync(string volume, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        using var turn = await volumes.TurnAsync(ct);
        if (volumes.FindVolume(volume) is { Leaves: true } record)
        {
            volumes.Put(record with { Leaves = false });
        }
    }

    /// <summary>A volume comes that no guest has.</summary>
    private sealed class VolumeSteps(
        HostAgent agent, string volume, string folder, VolumeFiles volumes, SnapshotFiles snapshots) : IArrivalSteps
    {
        public Guest? Guest => null;

        public LuggageRoom Room { get; } = new(folder, [volume], volumes, snapshots);

        public bool ComesAtRest => true;

        public Task TakeFileAsync(MoveWay way, Stream content, CancellationToken ct) =>
            Room.TakeFileAsync(Room.Find(way) ?? throw new VmException("No such file is awaited."), content, ct);

        public Task<IVmArrival> AwaitMachineAsync(CancellationToken ct) => throw new VmException("No machine is awaited.");

        public Task<TimeSpan> ArriveAsync(IVmArrival? machine, Action isHere)
        {
            Room.Keep();
            agent._arrivals.TryRemove(volume, out _);
            isHere();
            Directory.Delete(folder, recursive: true);
            return Task.FromResult(TimeSpan.Zero);
        }

        public async Task AbandonAsync()
        {
            await Room.DropAsync();
            Directory.Delete(folder, recursive: true);
            agent._arrivals.TryRemove(volume, out _);
        }
    }
}
