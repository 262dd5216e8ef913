using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// One guest of this host: its folder, its machine while it runs, its boot report. One change at a time; what it is
/// can be read at any time. Holds nothing that its folder and its process would not tell a new agent.
/// </summary>
internal sealed partial class Guest : IAsyncDisposable
{
    /// <summary>How often the boot report is looked at until the boot has ended.</summary>
    private static readonly TimeSpan BootLook = TimeSpan.FromMilliseconds(20);

    /// <summary>How often after that, for a guest that reboots itself.</summary>
    private static readonly TimeSpan RebootLook = TimeSpan.FromSeconds(1);

    private const string RiscV64 = "riscv64";

    private static readonly TimeSpan PingLimit = TimeSpan.FromSeconds(2);

    private readonly IVmDriver _driver;
    private readonly ContainerImages _images;
    private readonly TimeProvider _time;
    private readonly Action<Guest> _changed;
    private readonly VolumeFiles _volumes;
    private readonly SnapshotFiles _snapshots;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _view = new();
    private readonly BootReport _boot = new();
    private IVirtualMachine? _machine;
    private GuestExit? _exit;
    private GuestRun? _run;
    private bool _answered;
    private Task _watching = Task.CompletedTask;
    private bool _isRemoved;
    private bool _isDisposed;

    public Guest(
        GuestFolder folder, GuestSpec spec, IVmDriver driver, ContainerImages images, VolumeFiles volumes, SnapshotFiles snapshots,
        TimeProvider time, Action<Guest> changed)
    {
        Folder = folder;
        Spec = spec;
        _driver = driver;
        _images = images;
        _volumes = volumes;
        _snapshots = snapshots;
        _root = GuestRoot.Read(folder.Root);
        _time = time;
        _changed = changed;
    }

    public GuestFolder Folder { get; }

    public GuestSpec Spec { get; private set; }

    /// <summary>Set by the table of guests whenever something changed.</summary>
    public long Generation { get; set; }

    public GuestReport Report()
    {
        lock (_view)
        {
            return new GuestReport
            {
                Id = Spec.Id,
                Generation = Generation,
                State = _machine?.State switch
                {
                    VmState.Running => GuestState.Running,
                    VmState.Paused => GuestState.Paused,
                    _ => IsSuspended ? GuestState.Suspended : GuestState.Stopped,
                },
                Exit = _exit,
                Boot = _boot.Phases,
                BootEnded = (_boot.Ended || _answered) && !_root.Renews,
                UserDataExitCode = _boot.UserDataExitCode,
                DiskFull = _machine?.IsDiskFull == true,
                Away = _machine is null && Folder.Presence == PortPresence.Away,
                StartedAt = _run?.StartedAt,
            };
        }
    }

    /// <summary>Takes over the machine that runs in the folder; where none does, says how the latest run ended.</summary>
    public async Task AdoptAsync(CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        var run = GuestRun.Read(Folder.Run);
        if (await _driver.AdoptAsync(Folder.Path, ct) is { } machine && await SettleAsync(machine, ct))
        {
            lock (_view)
            {
                _boot.ReadOn(Folder.BootReport);
            }

            _owesThaw = File.Exists(Folder.Frozen);
            Hold(machine, run ?? new GuestRun(GuestRun.PresentBoot, _time.GetUtcNow(), null));
            return;
        }

        SettleStopped();
        lock (_view)
        {
            _run = run;
            _exit = run?.ToExit();
        }

        _changed(this);
    }

    /// <summary>Brings what is on disk to the spec: seed, root disk, and the spec itself. A folder without one is no guest's.</summary>
    public async Task DefineAsync(GuestSpec spec, IDiskMaker disks, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        spec = spec with { Volumes = Spec.Volumes };
        Folder.Make();
        await Task.WhenAll(Task.Run(() => Folder.WriteSpec(spec), CancellationToken.None), MakeRootAsync(spec, disks, ct));

        var before = Spec;
        Spec = spec;
        if (_machine is { } machine && (before.Vcpus, before.MemoryBytes) != (spec.Vcpus, spec.MemoryBytes))
        {
            await machine.ResizeAsync(spec.Vcpus, spec.MemoryBytes, ct);
        }

        _changed(this);
    }

    public async Task StartAsync(VmNic? nic, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        if (_machine is not null)
        {
            return;
        }

        await StartInTurnAsync(nic, ct);
    }

    private async Task StartInTurnAsync(VmNic? nic, CancellationToken ct)
    {
        ForgetBoot();
        var run = new GuestRun(GuestRun.PresentBoot, _time.GetUtcNow(), null);
        var writing = run.BeginAsync(Folder.Run);
        try
        {
            var from = await PrepareToGoOnAsync(ct);
            var spec = await ToVmSpecAsync(nic, ct);
            Hold(await _driver.StartAsync(from is null ? spec : from.GivenTo(spec), ct), run);
            await writing;
        }
        catch
        {
            await writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_machine is { } begun)
            {
                await begun.KillAsync(CancellationToken.None);
                await _watching;
            }

            File.Delete(Folder.Run);
            throw;
        }

        await GoOnAsync();
    }

    public Task PowerDownAsync(CancellationToken ct) => WithMachineAsync(machine => machine.PowerDownAsync(ct), ct);

    public Task ResetAsync(CancellationToken ct) => WithMachineAsync(machine =>
    {
        ForgetBoot();
        return machine.ResetAsync(ct);
    }, ct);

    public Task PauseAsync(CancellationToken ct) => WithMachineAsync(machine => machine.PauseAsync(ct), ct);

    /// <summary>Ends the machine, if one runs; when the task ends none does.</summary>
    public async Task KillAsync(CancellationToken ct)
    {
        CancelMove();
        using var turn = await TurnOfAnyAsync(ct);
        await KillInTurnAsync(ct);
    }

    private async Task KillInTurnAsync(CancellationToken ct)
    {
        if (_machine is { } machine)
        {
            await machine.KillAsync(ct);
            await _watching.WaitAsync(ct);
        }

        ForgetSuspended();
    }

    /// <summary>
    /// Powers the machine off because its host stops: gently within the grace, else by force. It is to run again with the host.
    /// </summary>
    public async Task StopWithHostAsync(TimeSpan grace, CancellationToken ct)
    {
        using var turn = await TurnOfAnyAsync(ct);
        if (_machine is not { } machine)
        {
            return;
        }

        var run = _run!;
        if (machine.State == VmState.Paused)
        {
            await machine.ResumeAsync(ct);
        }

        await machine.PowerDownAsync(ct);
        await Task.WhenAny(machine.Exited, Task.Delay(grace, _time, ct));
        if (!machine.Exited.IsCompleted)
        {
            await machine.KillAsync(ct);
        }

        await _watching.WaitAsync(ct);
        (run with { Exit = new GuestExit(GuestExitKind.HostStopped, "Its host was stopped.") }).Write(Folder.Run);
    }

    /// <summary>Counters of a volume; null where the guest does not run, or its engine counts none.</summary>
    public async Task<GuestDiskMetrics?> ReadVolumeMetricsAsync(string id, CancellationToken ct)
    {
        try
        {
            return _machine is { } machine && Spec.Volumes.FirstOrDefault(one => one.Volume == id) is { } volume
                && (await machine.ReadMetricsAsync(ct)).Disks.FirstOrDefault(disk => disk.Serial == volume.Serial) is { } disk
                ? HostAgent.ToMetrics(disk)
                : null;
        }
        catch (VmException)
        {
            // It has just ended.
            return null;
        }
    }

    /// <summary>Ends the machine and removes the folder.</summary>
    public async Task RemoveAsync(CancellationToken ct)
    {
        CancelMove();
        using var turn = await TurnOfAnyAsync(ct);
        await KillInTurnAsync(ct);
        Folder.Delete();
        _root = new GuestRoot([GuestRoot.Own]);
        _isRemoved = true;
    }

    public IVirtualMachine RequireMachine() =>
        _machine ?? throw CloudException.Conflict(HostErrors.NotRunning, "The guest does not run.");

    /// <summary>The turn stays: somebody may be waiting for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        await _closing.CancelAsync();
        await _watching;
        if (_machine is { } machine)
        {
            await machine.DisposeAsync();
        }

        _closing.Dispose();
    }

    private async Task WithMachineAsync(Func<IVirtualMachine, Task> act, CancellationToken ct)
    {
        using var turn = await TurnAsync(ct);
        await act(RequireMachine());
        _changed(this);
    }

    private void ChangeSpec(GuestSpec spec)
    {
        Folder.WriteSpec(spec);
        Spec = spec;
        _changed(this);
    }

    /// <exception cref="CloudException">The guest was removed while its turn was waited for.</exception>
    private async Task<Turn> TurnAsync(CancellationToken ct)
    {
        var turn = await TurnOfAnyAsync(ct);
        if (!_isRemoved)
        {
            return turn;
        }

        turn.Dispose();
        throw CloudException.NotFound("guest", Spec.Id);
    }

    /// <summary>For what is done already where the guest was removed.</summary>
    private Task<Turn> TurnOfAnyAsync(CancellationToken ct) => Turn.TakeAsync(_one, ct);

    /// <summary>What was reported is of the run before.</summary>
    private void ForgetBoot()
    {
        ForgetFrozen();
        lock (_view)
        {
            _boot.ReadOn(Folder.BootReport);
            _boot.Clear();
            _answered = false;
            _exit = null;
        }
    }

    private void Hold(IVirtualMachine machine, GuestRun run)
    {
        lock (_view)
        {
            _machine = machine;
            _run = run;
        }

        _changed(this);
        _watching = WatchAsync(machine, run);
    }

    /// <summary>Follows the machine to its end: boot phases while it boots, then the exit.</summary>
    private async Task WatchAsync(IVirtualMachine machine, GuestRun run)
    {
        try
        {
            var diskFull = false;
            while (!machine.Exited.IsCompleted)
            {
                var wasFull = diskFull;
                diskFull = machine.IsDiskFull;
                if (await LookAtBootAsync(machine) || diskFull != wasFull)
                {
                    _changed(this);
                }

                await ThawAgainAsync(machine);
                await Task.WhenAny(machine.Exited, Task.Delay(_boot.Ended ? RebootLook : BootLook, _time, _closing.Token));
                _closing.Token.ThrowIfCancellationRequested();
            }

            var end = await machine.Exited;
            var exit = new GuestExit((GuestExitKind)end.Kind, end.Reason);
            (run with { Exit = exit }).Write(Folder.Run);
            lock (_view)
            {
                _boot.ReadOn(Folder.BootReport);
                _exit = exit;
                _machine = null;
            }

            _changed(this);
            await machine.DisposeAsync();
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The agent ends; the machine goes on.
        }
    }

    /// <summary>True when the boot has come further: by the boot report, or for an image without one by the agent's first answer.</summary>
    private async Task<bool> LookAtBootAsync(IVirtualMachine machine)
    {
        if (Spec.Image.BootReport)
        {
            lock (_view)
            {
                return _boot.ReadOn(Folder.BootReport);
            }
        }

        if (_answered || (Spec.Image.GuestAgent && !await machine.Agent.PingAsync(PingLimit, _closing.Token)))
        {
            return false;
        }

        lock (_view)
        {
            return _answered = true;
        }
    }

    private async Task<VmSpec> ToVmSpecAsync(VmNic? nic, CancellationToken ct)
    {
        var image = Spec.Image;
        var volumes = Spec.Volumes.Select(_volumes.DiskOf).ToList();
        var isContainer = image.DiskFormat == ContainerImages.Format;
        string At(string name) => Path.Combine(image.Folder, name);
        return new VmSpec
        {
            Id = Spec.Id,
            Folder = Folder.Path,
            Architecture = image.Architecture == RiscV64 ? VmArchitecture.RiscV64 : VmArchitecture.X64,
            Engine = Enum.Parse<VmEngine>(Spec.Engine, ignoreCase: true),
            Vcpus = Spec.Vcpus,
            MemoryBytes = Spec.MemoryBytes,
            Kernel = image.Kernel is { } kernel
                ? new VmKernel(At(kernel), image.Initrd is { } initrd ? At(initrd) : null, image.CommandLine)
                : null,
            Disks = isContainer ? volumes : [RootDisk(), .. volumes],
            SeedPath = Folder.Seed,
            Nics = nic is null ? [] : [nic],
            Uuid = UuidOf(Spec.Id),
            Container = isContainer ? await _images.DescribeAsync(Spec, volumes, ct) : null,
        };
    }

    private VmDisk RootDisk() => new()
    {
        Serial = RootSerial,
        Path = PathOf(_root.Layers[0]),
        Format = VmDiskFormat.Qcow2,
        Backing =
        [
            .. _root.Layers.Skip(1).Select(Open),
            .. _root.Whole ? [] : (IReadOnlyList<VmDiskLayer>)[ImageDisk()],
        ],
    };

    private VmDiskLayer ImageDisk() => new(
        Path.Combine(Spec.Image.Folder, Spec.Image.Disk), Spec.Image.DiskFormat == "raw" ? VmDiskFormat.Raw : VmDiskFormat.Qcow2);

    /// <summary>A UUID of version 8 made from the id, so that it stays the same for the instance's life.</summary>
    private static Guid UuidOf(string id)
    {
        var hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(id));
        hash[6] = (byte)((hash[6] & 0x0f) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }
}
