using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Text;
using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>A host whose guests are records, that does what the contract says, and fails where it is told to.</summary>
internal sealed class FakeHost(TimeProvider time, string name = "fake") : IHostAgent
{
    public string Name => name;

    private readonly ConcurrentDictionary<string, (GuestSpec Spec, GuestReport Report)> _guests = new(StringComparer.Ordinal);
    private readonly Lock _changing = new();
    private long _generation = time.GetUtcNow().ToUnixTimeMilliseconds();
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Thrown by the call of this name, as often as it says.</summary>
    public ConcurrentDictionary<string, (Exception Failure, int Times)> Failures { get; } = new(StringComparer.Ordinal);

    /// <summary>Thrown by every call of this name for this guest: <c>MoveGuestAsync i-…</c>.</summary>
    public ConcurrentDictionary<string, Exception> Refuses { get; } = new(StringComparer.Ordinal);

    /// <summary>Every call, in order: <c>StartAsync i-…</c>.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>What was kept of guests, by the snapshots' ids.</summary>
    public ConcurrentDictionary<string, StoredGuestSnapshot> Snapshots { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether a guest that starts reaches its boot's end at once.</summary>
    public bool BootsAtOnce { get; set; } = true;

    /// <summary>Whether a guest obeys the power button.</summary>
    public bool ObeysPowerDown { get; set; } = true;

    public IVolumeStore Volumes => throw new NotSupportedException("This host's volumes are not asked for.");

    public IReadOnlyDictionary<string, GuestReport> Guests => _guests.ToDictionary(pair => pair.Key, pair => pair.Value.Report);

    /// <summary>What the control plane said last of a guest.</summary>
    public GuestSpec SpecOf(string id) => Require(id).Spec;

    public Task<HostReport> DescribeAsync(CancellationToken ct) => Task.FromResult(new HostReport
    {
        Name = Name,
        SwitchFolder = $"/{Name}/switch",
        Cpus = 8,
        MemoryBytes = 64L << 30,
        DiskFreeBytes = 1L << 40,
        Engines = [new HostEngine("emulation", "x86_64", true, "It says so."), new HostEngine("hardware", "x86_64", false, "It has none.")],
    });

    public Task<IReadOnlyList<HostEngineDetail>> ExamineEnginesAsync(CancellationToken ct)
    {
        Enter("ExamineEnginesAsync", Name);
        return Task.FromResult<IReadOnlyList<HostEngineDetail>>(
        [
            new HostEngineDetail("emulation", "x86_64", new Dictionary<string, bool> { ["ring-aliasing"] = true }, null, null),
            new HostEngineDetail(
                "hardware", "x86_64", new Dictionary<string, bool>(), "It has none.",
                new HostProcessor("VMX", ["ept"], new Dictionary<string, string> { ["IA32_VMX_BASIC"] = "0x1" }, null)),
        ]);
    }

    public Task<IReadOnlyList<GuestReport>> ListAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<GuestReport>>(_guests.Values.Select(guest => guest.Report).ToList());

    public Task<GuestReport?> FindAsync(string id, CancellationToken ct) =>
        Task.FromResult(_guests.TryGetValue(id, out var guest) ? guest.Report : null);

    public async Task<GuestChanges> WatchAsync(long afterGeneration, CancellationToken ct)
    {
        Task next;
        lock (_changing)
        {
            next = _generation != afterGeneration ? Task.CompletedTask : _next.Task;
        }

        await next.WaitAsync(ct);
        lock (_changing)
        {
            return new GuestChanges(
                _generation, _guests.Values.Select(guest => guest.Report).Where(report => report.Generation > afterGeneration).ToList());
        }
    }

    public Task<GuestReport> DefineAsync(GuestSpec spec, CancellationToken ct)
    {
        Enter("DefineAsync", spec.Id);
        var report = _guests.TryGetValue(spec.Id, out var known)
            ? known.Report
            : new GuestReport { Id = spec.Id, Generation = 0, State = GuestState.Stopped };
        return Task.FromResult(Set(spec, report));
    }

    public Task<GuestReport> StartAsync(string id, CancellationToken ct)
    {
        Enter("StartAsync", id);
        var (spec, report) = Require(id);
        return Task.FromResult(report.State == GuestState.Running
            ? report
            : Set(spec, report with { State = GuestState.Running, Exit = null, BootEnded = BootsAtOnce, StartedAt = time.GetUtcNow() }));
    }

    public Task PowerDownAsync(string id, CancellationToken ct)
    {
        Enter("PowerDownAsync", id);
        if (ObeysPowerDown)
        {
            End(id, GuestExitKind.GuestShutdown, "The guest powered itself off.");
        }

        return Task.CompletedTask;
    }

    public Task<GuestReport> KillAsync(string id, CancellationToken ct)
    {
        Enter("KillAsync", id);
        var (_, report) = Require(id);
        return Task.FromResult(report.State == GuestState.Stopped ? report : End(id, GuestExitKind.Killed, "It was ended."));
    }

    public Task<GuestReport> ResetAsync(string id, CancellationToken ct)
    {
        Enter("ResetAsync", id);
        var (spec, report) = Require(id);
        return Task.FromResult(Set(spec, report with { BootEnded = BootsAtOnce }));
    }

    public Task<GuestReport> PauseAsync(string id, CancellationToken ct) => SetStateAsync("PauseAsync", id, GuestState.Paused);

    public Task<GuestReport> ResumeAsync(string id, CancellationToken ct) => SetStateAsync("ResumeAsync", id, GuestState.Running);

    public Task<GuestReport> SuspendAsync(string id, CancellationToken ct) => SetStateAsync("SuspendAsync", id, GuestState.Suspended);

    public Task<StoredGuestSnapshot> SnapshotAsync(string id, string snapshot, bool withVolumes, CancellationToken ct)
    {
        Enter("SnapshotAsync", id);
        Require(id);
        return Task.FromResult(Snapshots.GetOrAdd(snapshot, new StoredGuestSnapshot(snapshot, id, 1000)));
    }

    public Task<GuestReport> RestoreAsync(string id, string snapshot, CancellationToken ct)
    {
        // A refusal comes before anything has changed.
        Enter("RestoreAsync", id);
        if (!Snapshots.ContainsKey(snapshot))
        {
            throw CloudException.NotFound("snapshot", snapshot);
        }

        End(id, GuestExitKind.Killed, "It was ended.");
        return SetStateAsync("restored", id, GuestState.Running);
    }

    public Task<GuestReport> ReplaceRootAsync(string id, string snapshot, CancellationToken ct)
    {
        Enter("ReplaceRootAsync", id);
        var (spec, report) = Require(id);
        return Task.FromResult(Set(spec with { RootOf = snapshot }, report));
    }

    public Task<IReadOnlyList<StoredGuestSnapshot>> ListGuestSnapshotsAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<StoredGuestSnapshot>>(Snapshots.Values.ToList());

    public Task DeleteGuestSnapshotAsync(string snapshot, CancellationToken ct)
    {
        Enter("DeleteGuestSnapshotAsync", snapshot);
        Snapshots.TryRemove(snapshot, out _);
        return Task.CompletedTask;
    }

    public Task RemoveAsync(string id, CancellationToken ct)
    {
        Enter("RemoveAsync", id);
        _guests.TryRemove(id, out _);
        return Task.CompletedTask;
    }

    public Task<GuestReport> AttachVolumeAsync(string id, GuestVolume volume, CancellationToken ct)
    {
        Enter("AttachVolumeAsync", id);
        var (spec, report) = Require(id);
        return Task.FromResult(Set(
            spec with { Volumes = [.. spec.Volumes.Where(one => one.Volume != volume.Volume), volume] }, report));
    }

    public Task<GuestReport> DetachVolumeAsync(string id, string volume, bool force, CancellationToken ct)
    {
        Enter("DetachVolumeAsync", id);
        var (spec, report) = Require(id);
        return Task.FromResult(Set(spec with { Volumes = spec.Volumes.Where(one => one.Volume != volume).ToList() }, report));
    }

    /// <summary>What comes to this host, by the guests' ids.</summary>
    public ConcurrentDictionary<string, GuestDeparture> Arrivals { get; } = new(StringComparer.Ordinal);

    /// <summary>The other hosts, as they were told last.</summary>
    public IReadOnlyList<HostPeer> Peers { get; private set; } = [];

    /// <summary>The cloud's own servers that its guests reach, as it was told last.</summary>
    public IReadOnlyList<HostService> Services { get; private set; } = [];

    /// <summary>Where guests of this host arrive that move.</summary>
    public FakeHost? Other { get; set; }

    /// <summary>Completes a move; null for at once.</summary>
    public TaskCompletionSource? Moving { get; set; }

    public Task<GuestDeparture> DescribeDepartureAsync(string id, CancellationToken ct)
    {
        Enter("DescribeDepartureAsync", id);
        var (spec, _) = Require(id);
        return Task.FromResult(new GuestDeparture
        {
            Spec = spec,
            RootBytes = 1 << 30,
            Layers = [],
            Slots = new Dictionary<string, string>(),
            StartedAt = time.GetUtcNow(),
        });
    }

    public Task<GuestArrival> AwaitGuestAsync(GuestDeparture departure, CancellationToken ct)
    {
        Enter("AwaitGuestAsync", departure.Spec.Id);
        Arrivals[departure.Spec.Id] = departure;
        return Task.FromResult(new GuestArrival(Name, "arrival", "secret", [], []));
    }

    public Task<bool> EndArrivalAsync(string id, CancellationToken ct)
    {
        Enter("EndArrivalAsync", id);
        Arrivals.TryRemove(id, out _);
        return Task.FromResult(!_guests.TryGetValue(id, out var guest) || guest.Report.Away);
    }

    public async Task<GuestMoveReport> MoveGuestAsync(string id, GuestMove move, CancellationToken ct)
    {
        try
        {
            Enter("MoveGuestAsync", id);
        }
        catch (CloudException unknown) when (unknown.Code == HostErrors.Unsettled)
        {
            await SetStateAsync("held", id, GuestState.Paused);
            throw;
        }

        if (Moving is { } moving)
        {
            await moving.Task.WaitAsync(ct);
        }

        var (spec, report) = Require(id);
        if (Other!.Arrivals.TryRemove(id, out _))
        {
            Other.Set(spec, report);
            var gone = report with { State = GuestState.Stopped, Exit = new GuestExit(GuestExitKind.Killed, "It went.") };
            Set(spec, (report.State == GuestState.Running ? gone : report) with { Away = true });
        }

        Enter("MoveGuestAsync-answer", id);
        return new GuestMoveReport { Phase = "done", TotalSeconds = 1, DowntimeSeconds = 0.1 };
    }

    public Task<GuestMoveReport?> FindMoveAsync(string id, CancellationToken ct) =>
        Task.FromResult<GuestMoveReport?>(new GuestMoveReport { Phase = "memory", Rounds = 3 });

    public Task CancelMoveAsync(string id, CancellationToken ct)
    {
        Enter("CancelMoveAsync", id);
        Moving?.TrySetException(CloudException.Conflict(HostErrors.NotMoved, "It was called off."));
        return Task.CompletedTask;
    }

    public Task ForgetDepartedAsync(string id, IReadOnlyList<string> departed, CancellationToken ct)
    {
        Enter("ForgetDepartedAsync", id);
        Forgotten.AddRange(departed);
        return _guests.TryGetValue(id, out var guest) && guest.Report.Away ? RemoveAsync(id, ct) : Task.CompletedTask;
    }

    /// <summary>The volumes that went elsewhere with their guests.</summary>
    public List<string> Forgotten { get; } = [];

    public Task<GuestReport> StayAsync(string id, CancellationToken ct)
    {
        var state = Require(id).Report.State;
        return SetStateAsync("StayAsync", id, state == GuestState.Paused ? GuestState.Running : state);
    }

    public Task SetPeersAsync(IReadOnlyList<HostPeer> peers, CancellationToken ct)
    {
        Peers = peers;
        return Task.CompletedTask;
    }

    public Task SetServicesAsync(IReadOnlyList<HostService> services, CancellationToken ct)
    {
        Services = services;
        return Task.CompletedTask;
    }

    public Task<GuestMetrics> ReadMetricsAsync(string id, CancellationToken ct) =>
        Task.FromResult(new GuestMetrics { CpuSeconds = 1, ResidentBytes = 1, UptimeSeconds = 1, Disks = [] });

    public Task<GuestExits> ReadExitsAsync(string id, CancellationToken ct)
    {
        Enter("ReadExitsAsync", id);
        Require(id);
        return Task.FromResult(new GuestExits("tcg", new Dictionary<string, long> { ["tlb full flushes"] = 7 }));
    }

    public Task<IReadOnlyList<GuestHart>> ReadHartsAsync(string id, string? address, CancellationToken ct)
    {
        Enter("ReadHartsAsync", id);
        Require(id);
        return Task.FromResult<IReadOnlyList<GuestHart>>(
        [
            new GuestHart
            {
                Id = 0,
                Mode = "supervisor",
                Pc = "0x80000000",
                Waiting = true,
                Retired = 7,
                Registers = new Dictionary<string, string> { ["a0"] = "0x1" },
                Csrs = new Dictionary<string, string> { ["satp"] = "0x0" },
                Walk = address is null ? null : new GuestPageWalk(address, "bare", [], address),
            },
        ]);
    }

    public Task<GuestExec> ExecAsync(string id, IReadOnlyList<string> command, CancellationToken ct) =>
        Task.FromResult(new GuestExec(0, [], []));

    /// <summary>Its output is its input, then the command's words and its user; of the program <c>false</c> the exit code is 1.</summary>
    public async Task<ContainerCommandEnd> RunAsync(
        string id, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        Enter("RunAsync", id);
        Require(id);
        var pipe = new Pipe();
        var reading = output!(pipe.Reader.AsStream(), ct);
        await input!.CopyToAsync(pipe.Writer, ct);
        await pipe.Writer.WriteAsync(Encoding.UTF8.GetBytes($"{string.Join(' ', command.Command)} {command.User?.UserId}"), ct);
        await pipe.Writer.CompleteAsync();
        await reading;
        return new ContainerCommandEnd(command.Command[0] == "false" ? 1 : 0, "said");
    }

    public Task<ConsoleChunk> ReadConsoleAsync(string id, long offset, CancellationToken ct) =>
        Task.FromResult(new ConsoleChunk(offset, offset, []));

    public Task<Stream> OpenConsoleAsync(string id, CancellationToken ct) => Task.FromResult(Stream.Null);

    /// <summary>The guest reports its boot's end.</summary>
    public void EndBoot(string id, int? userDataExitCode = null)
    {
        var (spec, report) = Require(id);
        Set(spec, report with { BootEnded = true, UserDataExitCode = userDataExitCode });
    }

    /// <summary>The guest ends by itself.</summary>
    public GuestReport End(string id, GuestExitKind kind, string reason)
    {
        var (spec, report) = Require(id);
        return Set(spec, report with { State = GuestState.Stopped, Exit = new GuestExit(kind, reason) });
    }

    /// <summary>A guest that no instance asked for.</summary>
    public void Plant(GuestSpec spec) => Set(spec, new GuestReport { Id = spec.Id, Generation = 0, State = GuestState.Running });

    private Task<GuestReport> SetStateAsync(string call, string id, GuestState state)
    {
        Enter(call, id);
        var (spec, report) = Require(id);
        return Task.FromResult(Set(spec, report with { State = state }));
    }

    private (GuestSpec Spec, GuestReport Report) Require(string id) =>
        _guests.TryGetValue(id, out var guest) ? guest : throw CloudException.NotFound("guest", id);

    private GuestReport Set(GuestSpec spec, GuestReport report)
    {
        lock (_changing)
        {
            var changed = report with { Generation = ++_generation };
            _guests[spec.Id] = (spec, changed);
            _next.TrySetResult();
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return changed;
        }
    }

    private void Enter(string call, string id)
    {
        Calls.Enqueue($"{call} {id}");
        if (Refuses.TryGetValue($"{call} {id}", out var refusal))
        {
            throw refusal;
        }

        if (Failures.TryGetValue(call, out var failure) && failure.Times > 0)
        {
            Failures[call] = (failure.Failure, failure.Times - 1);
            throw failure.Failure;
        }
    }
}
