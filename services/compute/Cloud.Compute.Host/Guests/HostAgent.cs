using System.Collections.Concurrent;
using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Moves;
using Cloud.Compute.Host.Network;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Guests;

/// <summary>All guests of this host. Made once a process; <see cref="AdoptAllAsync"/> runs before the first call.</summary>
internal sealed partial class HostAgent(
    IOptions<HostOptions> options,
    IVmDriver driver,
    IDiskMaker disks,
    ContainerImages images,
    VolumeFiles volumes,
    SnapshotFiles snapshots,
    GuestNetwork network,
    TimeProvider time,
    ILogger<HostAgent> log) : IHostAgent, IAsyncDisposable
{
    private const int ConsoleChunkMax = 1 << 20;
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan WatchLimit = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Guest> _guests = new(StringComparer.Ordinal);
    private readonly Lock _generations = new();
    private readonly TaskCompletionSource _adopted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Starts at the time, so that an agent's generations come after those of the agent before it.
    private long _generation = time.GetUtcNow().ToUnixTimeMilliseconds();
    private readonly TaskCompletionSource<IReadOnlyList<EngineProbe>> _probes = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IVolumeStore Volumes => new VolumeStore(volumes, this, time);

    /// <summary>Where guests of other hosts come in; none outlives the agent.</summary>
    private string ArrivalsFolder => Path.Combine(options.Value.Folder, "arrivals");

    private string GuestsFolder => Path.Combine(options.Value.Folder, "guests");

    /// <summary>Finds the guests of an agent before this one, running or not, and what their networks were.</summary>
    public async Task AdoptAllAsync(CancellationToken ct)
    {
        Directory.CreateDirectory(GuestsFolder);
        Directory.CreateDirectory(ArrivalsFolder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var left in new DirectoryInfo(ArrivalsFolder).EnumerateFileSystemInfos())
        {
            if (left is not DirectoryInfo folder)
            {
                left.Delete();
                continue;
            }

            LuggageTag.Read(folder.FullName)?.Drop(volumes, snapshots);
            folder.Delete(recursive: true);
        }

        var probing = driver.ProbeAsync(ct);
        foreach (var path in Directory.EnumerateDirectories(GuestsFolder))
        {
            var id = Path.GetFileName(path);
            var folder = new GuestFolder(GuestsFolder, id);
            if (folder.ReadSpec() is not { } spec)
            {
                // One that was to come here and had not yet has a process.
                LogSwept(log, id);
                await driver.AdoptAsync(path, ct);
                LuggageTag.Read(path)?.Drop(volumes, snapshots);
                folder.Delete();
                continue;
            }

            var guest = NewGuest(folder, spec);
            _guests[id] = guest;
            await guest.AdoptAsync(ct);
            var state = guest.Report().State;
            LogAdopted(log, id, state);
        }

        await SettleVolumesAsync(ct);
        await images.SweepAsync(_guests.Values.Select(guest => guest.Spec).ToList(), ct);
        SweepLayers();
        await network.EnsureAsync(_guests.Values.Select(guest => (guest.Spec, guest.Folder.Presence)).ToList(), ct);
        _adopted.TrySetResult();
        _probes.TrySetResult(await probing);
    }

    public async Task<HostReport> DescribeAsync(CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        var probes = await _probes.Task.WaitAsync(ct);
        return new HostReport
        {
            Name = options.Value.Name,
            Labels = options.Value.Labels,
            Cpus = Environment.ProcessorCount,
            MemoryBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            FreeVolumes = volumes.Volumes.Count(volume => HolderOf(volume.Id) is null),
            SwitchFolder = network.Folder.Path,
            NetworkNamespace = options.Value.MachineNetwork is null ? HostReport.MachineNetwork : HostReport.OwnNetwork,
            DiskFreeBytes = new DriveInfo(options.Value.Folder).AvailableFreeSpace,
            Engines = probes.Select(probe => new HostEngine(
                NameOf(probe.Engine),
                NameOf(probe.Architecture),
                probe.Works,
                probe.Reason)
            {
                Lacks = probe.Lacks,
            }).ToList(),
        };
    }

    public async Task<IReadOnlyList<GuestReport>> ListAsync(CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        return _guests.Values.Select(guest => guest.Report()).ToList();
    }

    public async Task<GuestReport?> FindAsync(string id, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        return _guests.TryGetValue(id, out var guest) ? guest.Report() : null;
    }

    public async Task<GuestChanges> WatchAsync(long afterGeneration, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        Task next;
        lock (_generations)
        {
            next = _next.Task;
            if (_generation != afterGeneration)
            {
                next = Task.CompletedTask;
            }
        }

        await Task.WhenAny(next, Task.Delay(WatchLimit, time, ct));
        ct.ThrowIfCancellationRequested();
        lock (_generations)
        {
            return new GuestChanges(
                _generation,
                _guests.Values.Select(guest => guest.Report()).Where(report => report.Generation > afterGeneration).ToList());
        }
    }

    public async Task<GuestReport> DefineAsync(GuestSpec spec, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        if (!GuestFolder.IsName(spec.Id))
        {
            throw CloudException.Invalid("id", "Expected lower-case letters, digits and '-'.");
        }

        // The files of the snapshot that its root disk comes from stay meanwhile.
        using var turn = spec.RootOf is null ? null : await volumes.TurnAsync(ct);
        var guest = _guests.GetOrAdd(spec.Id, id => NewGuest(new GuestFolder(GuestsFolder, id), spec));
        await Task.WhenAll(
            ByEngineAsync(() => guest.DefineAsync(spec, disks, ct)), network.JoinAsync(spec, guest.Folder.Presence, ct));
        return guest.Report();
    }

    public async Task<GuestReport> StartAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        var nic = await network.JoinAsync(guest.Spec, guest.Folder.Presence, ct);
        using var turn = guest.Root.From is null ? null : await VolumesTurnAsync(guest, ct);
        await ByEngineAsync(() => guest.StartAsync(nic, ct));
        return guest.Report();
    }

    public async Task PowerDownAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.PowerDownAsync(ct));
    }

    public async Task<GuestReport> KillAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.KillAsync(ct));
        return guest.Report();
    }

    public async Task<GuestReport> ResetAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.ResetAsync(ct));
        return guest.Report();
    }

    public async Task<GuestReport> PauseAsync(string id, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.PauseAsync(ct));
        return guest.Report();
    }

    public async Task RemoveAsync(string id, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        if (!_guests.TryGetValue(id, out var guest))
        {
            return;
        }

        guest.CancelMove();
        var isAway = guest.Folder.Presence == PortPresence.Away;
        await guest.RemoveAsync(ct);
        await (isAway ? network.PartAsync(guest.Spec, ct) : network.LeaveAsync(guest.Spec, ct));
        if (_guests.TryRemove(id, out _))
        {
            await guest.DisposeAsync();
        }

        using (await volumes.TurnAsync(ct))
        {
            foreach (var snapshot in volumes.Snapshots.Where(snapshot => snapshot.Volume == id).ToList())
            {
                volumes.RemoveSnapshot(snapshot.Id);
            }
        }

        SweepLayers();
    }

    public async Task<GuestReport> AttachVolumeAsync(string id, GuestVolume volume, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        using var turn = await volumes.TurnAsync(ct);
        if (volumes.FindVolume(volume.Volume) is null)
        {
            throw CloudException.NotFound("volume", volume.Volume);
        }

        if (HolderOf(volume.Volume) is { } holder && holder != guest)
        {
            throw CloudException.Conflict(HostErrors.VolumeInUse, $"Guest {holder.Spec.Id} has the volume.");
        }

        await ByEngineAsync(() => guest.AttachVolumeAsync(volume, ct));
        return guest.Report();
    }

    public async Task<GuestReport> DetachVolumeAsync(string id, string volume, bool force, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        await ByEngineAsync(() => guest.DetachVolumeAsync(
            volume, force, () => network.JoinAsync(guest.Spec, guest.Folder.Presence, CancellationToken.None), ct));
        return guest.Report();
    }

    public Guest? FindGuest(string id) => _guests.GetValueOrDefault(id);

    /// <summary>The guest that has a volume; null for none.</summary>
    public Guest? HolderOf(string volume) =>
        _guests.Values.FirstOrDefault(guest => guest.Spec.Volumes.Any(one => one.Volume == volume));

    /// <exception cref="CloudException">A guest has the volume, or it goes to another host.</exception>
    public void RequireFree(string volume)
    {
        if (volumes.FindVolume(volume)?.Leaves == true)
        {
            throw new CloudException(ErrorKind.Unavailable, HostErrors.Moving, "The volume goes to another host.");
        }

        if (HolderOf(volume) is { } guest)
        {
            throw CloudException.Conflict(HostErrors.VolumeInUse, $"Guest {guest.Spec.Id} has the volume.");
        }
    }

    /// <summary>Ends when the guests of the agent before this one are found.</summary>
    public Task AdoptedAsync(CancellationToken ct) => _adopted.Task.WaitAsync(ct);

    public async Task<GuestMetrics> ReadMetricsAsync(string id, CancellationToken ct)
    {
        var metrics = await (await RequireAsync(id, ct)).RequireMachine().ReadMetricsAsync(ct);
        return new GuestMetrics
        {
            CpuSeconds = metrics.CpuTime.TotalSeconds,
            ResidentBytes = metrics.ResidentBytes,
            UptimeSeconds = metrics.Uptime.TotalSeconds,
            Disks = metrics.Disks.Select(ToMetrics).ToList(),
        };
    }

    public static GuestDiskMetrics ToMetrics(VmDiskMetrics disk) =>
        new(disk.Serial, disk.ReadBytes, disk.ReadOperations, disk.WrittenBytes, disk.WriteOperations)
        {
            FlushOperations = disk.FlushOperations,
            ReadSeconds = disk.ReadTime.TotalSeconds,
            WriteSeconds = disk.WriteTime.TotalSeconds,
            FlushSeconds = disk.FlushTime.TotalSeconds,
        };

    public async Task<GuestExits> ReadExitsAsync(string id, CancellationToken ct)
    {
        var machine = (await RequireAsync(id, ct)).RequireMachine();
        GuestExits? exits = null;
        await ByEngineAsync(async () =>
        {
            var read = await machine.ReadExitsAsync(ct);
            exits = new GuestExits(read.Counter, read.Reasons);
        });
        return exits!;
    }

    public async Task<IReadOnlyList<GuestHart>> ReadHartsAsync(string id, string? address, CancellationToken ct)
    {
        ulong? at = address is null ? null : HartAddress.Parse(address);
        var machine = (await RequireAsync(id, ct)).RequireMachine();
        IReadOnlyList<VmHart> harts = [];
        await ByEngineAsync(async () => harts = await machine.ReadHartsAsync(at, ct));
        return harts.Select(hart => new GuestHart
        {
            Id = hart.Id,
            Mode = hart.Mode,
            Pc = hart.Pc,
            Instruction = hart.Instruction,
            Waiting = hart.Waiting,
            Retired = hart.Retired,
            Registers = hart.Registers,
            Csrs = hart.Csrs,
            Walk = hart.Walk is { } walk
                ? new GuestPageWalk(
                    walk.Address, walk.Scheme, walk.Steps.Select(step => new GuestPageWalkStep(step.Level, step.At, step.Entry)).ToList(),
                    walk.Physical)
                : null,
        }).ToList();
    }

    public async Task<GuestExec> ExecAsync(string id, IReadOnlyList<string> command, CancellationToken ct)
    {
        var machine = (await RequireAsync(id, ct)).RequireMachine();
        try
        {
            var result = await machine.Agent.ExecAsync(command, ct);
            return new GuestExec(result.ExitCode, result.StandardOutput, result.StandardError);
        }
        catch (VmException silent)
        {
            throw CloudException.Conflict(HostErrors.AgentSilent, silent.Message);
        }
    }

    public async Task<ContainerCommandEnd> RunAsync(
        string id, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        var machine = (await RequireAsync(id, ct)).RequireMachine();
        var user = command.User is { } named ? new GuestUser(named.UserId, named.GroupId) : null;
        GuestCommandEnd? end = null;
        await ByEngineAsync(async () => end = await machine.Agent.RunAsync(new GuestCommand(command.Command, user), input, output, ct));
        return new ContainerCommandEnd(end!.ExitCode, end.ErrorTail);
    }

    public async Task<ConsoleChunk> ReadConsoleAsync(string id, long offset, CancellationToken ct)
    {
        var guest = await RequireAsync(id, ct);
        if (!File.Exists(guest.Folder.Console))
        {
            return new ConsoleChunk(0, 0, []);
        }

        await using var file = new FileStream(guest.Folder.Console, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var from = Math.Max(offset > file.Length ? 0 : offset, GuestLog.StartOf(file.SafeFileHandle));
        var bytes = new byte[Math.Min(ConsoleChunkMax, file.Length - from)];
        file.Position = from;
        var read = await file.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
        return new ConsoleChunk(from, from + read, bytes[..read]);
    }

    public async Task<Stream> OpenConsoleAsync(string id, CancellationToken ct) =>
        await (await RequireAsync(id, ct)).RequireMachine().OpenConsoleAsync(ct);

    public async ValueTask DisposeAsync()
    {
        foreach (var arrival in _arrivals.Values)
        {
            await arrival.DisposeAsync();
        }

        foreach (var guest in _guests.Values)
        {
            await guest.DisposeAsync();
        }

        _comingsAndGoings.Dispose();
    }

    /// <summary>Powers all guests off because the host stops: they run again when it is back.</summary>
    public async Task StopAllAsync(CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        await Task.WhenAll(_guests.Values.Select(guest => guest.StopWithHostAsync(StopGrace, ct)));
        await network.StopAsync(ct);
    }

    /// <summary>A file was being laid over a volume, and how that ended was not heard.</summary>
    public async Task SettleVolumeAsync(VolumeRecord volume, CancellationToken ct)
    {
        if (volume.Next is { } next)
        {
            volumes.Settle(
                volume, HolderOf(volume.Id) is { } guest ? await guest.HasVolumeLayerAsync(volume.Id, volumes.PathOf(next), ct) : null);
        }
    }

    /// <summary>An agent before this one may have died while it laid files over volumes.</summary>
    private async Task SettleVolumesAsync(CancellationToken ct)
    {
        using var turn = await volumes.TurnAsync(ct);
        foreach (var volume in volumes.Volumes.ToList())
        {
            await SettleVolumeAsync(volume, ct);
        }

        // A crash came between what its volumes held and the guest's snapshot.
        foreach (var left in volumes.Snapshots.Where(kept => kept.OfGuestSnapshot is { } of && snapshots.Find(of) is null).ToList())
        {
            volumes.RemoveSnapshot(left.Id);
        }

        volumes.Sweep();
    }

    /// <summary>What the engine refuses is the caller's to know.</summary>
    private static async Task ByEngineAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (VmException refused)
        {
            throw new CloudException(
                ErrorKind.Conflict, refused is VmVersionException ? HostErrors.OtherVersion : HostErrors.Refused, refused.Message, refused);
        }
    }

    private Guest NewGuest(GuestFolder folder, GuestSpec spec) =>
        new(folder, spec, driver, images, volumes, snapshots, time, Changed);

    private async Task<Guest> RequireAsync(string id, CancellationToken ct)
    {
        await _adopted.Task.WaitAsync(ct);
        return _guests.TryGetValue(id, out var guest) ? guest : throw CloudException.NotFound("guest", id);
    }

    private void Changed(Guest guest)
    {
        lock (_generations)
        {
            guest.Generation = ++_generation;
            _next.TrySetResult();
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    [LoggerMessage(EventId = 3001, Level = LogLevel.Information, Message = "Found guest {Guest}: {State}")]
    private static partial void LogAdopted(ILogger log, string guest, GuestState state);

    [LoggerMessage(EventId = 3002, Level = LogLevel.Warning, Message = "Swept a half-made guest {Guest}")]
    private static partial void LogSwept(ILogger log, string guest);
}
