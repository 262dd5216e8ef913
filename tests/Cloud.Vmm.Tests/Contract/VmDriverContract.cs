using System.Diagnostics;
using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests.Contract;

/// <summary>What every driver must do, whatever technique it runs guests by. A driver's suite derives from it.</summary>
public abstract partial class VmDriverContract : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TestFolder _folder = new();

    protected abstract VmEngine Engine { get; }

    protected abstract VmArchitecture Architecture { get; }

    /// <summary>Whether the board has a power button that the small guest knows.</summary>
    protected abstract bool HasPowerButton { get; }

    /// <summary>Whether the technique has an agent of its own, which every guest then has.</summary>
    protected virtual bool HasAgent => false;

    /// <summary>Whether a guest may reset its machine; where it may not, it is refused and runs on.</summary>
    protected virtual bool GuestMayReboot => true;

    protected IVmDriver Driver { get; private set; } = null!;

    protected abstract IVmDriver CreateDriver(string stateFolder);

    public ValueTask InitializeAsync()
    {
        Driver = CreateDriver(_folder.Make("state"));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        (Driver as IDisposable)?.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Start_OfAGuest_PrintsOnTheConsole()
    {
        await using var machine = await StartAsync(Spec());
        machine.State.ShouldBe(VmState.Running);
        machine.Exited.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Start_OfAMachineThatRuns_IsRefusedAndHarmsItNot()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await Should.ThrowAsync<VmException>(() => Driver.StartAsync(spec, CancellationToken.None));
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.ExchangeAsync('a');
        machine.State.ShouldBe(VmState.Running);
    }

    [Fact]
    public async Task Start_AfterAnEnd_RunsAgain()
    {
        var spec = Spec();
        await using (var first = await StartAsync(spec))
        {
            await first.KillAsync(CancellationToken.None);
        }

        await using var second = await Driver.StartAsync(spec, CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello, times: 2);
    }

    [Fact]
    public async Task Start_OfAFileThatIsNoDisk_IsRefusedAndLeavesNothing()
    {
        var spec = Spec();
        var disk = Path.Combine(spec.Folder, "disk");
        await File.WriteAllTextAsync(disk, new string('x', 4096));
        var refused = await Should.ThrowAsync<VmException>(() => Driver.StartAsync(
            spec with { Disks = [new VmDisk { Serial = "root", Path = disk, Format = VmDiskFormat.Qcow2 }] }, CancellationToken.None));
        refused.Message.ShouldNotContain(_folder.Path);
        _folder.Processes().ShouldBeEmpty();
        (await Driver.AdoptAsync(spec.Folder, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Start_OfAKernelThatIsNotThere_IsRefusedAndLeavesNothing()
    {
        var spec = Spec();
        var refused = await Should.ThrowAsync<VmException>(() => Driver.StartAsync(
            spec with { Kernel = new VmKernel(Path.Combine(spec.Folder, "none"), null, "") }, CancellationToken.None));
        refused.Message.ShouldNotContain(_folder.Path);
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Kill_OfAGuest_LeavesNoProcess()
    {
        await using var machine = await StartAsync(Spec());
        await machine.KillAsync(CancellationToken.None);
        machine.State.ShouldBe(VmState.Stopped);
        (await machine.Exited).Kind.ShouldBe(VmExitKind.Killed);
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Guest_ThatPowersItselfOff_EndsTheMachine()
    {
        await using var machine = await StartAsync(Spec());
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.TypeAsync(TinyGuest.PowerOff);
        (await machine.Exited.WaitAsync(Limit)).Kind.ShouldBe(VmExitKind.GuestShutdown);
        machine.State.ShouldBe(VmState.Stopped);
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Guest_ThatReboots_RunsOn()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.TypeAsync(TinyGuest.Reboot);
        await ConsoleOf(spec).WaitForAsync(GuestMayReboot ? TinyGuest.Hello : TinyGuest.Refused, times: GuestMayReboot ? 2 : 1);
        machine.Exited.IsCompleted.ShouldBeFalse();
        machine.State.ShouldBe(VmState.Running);
    }

    [Fact]
    public async Task Process_ThatIsKilled_IsToldAsAFailure()
    {
        await using var machine = await StartAsync(Spec());
        using (var process = Process.GetProcessById(machine.ProcessId))
        {
            process.Kill();
        }

        var exit = await machine.Exited.WaitAsync(Limit);
        exit.Kind.ShouldBe(VmExitKind.Failed);
        exit.Reason.ShouldContain("signal 9");
    }

    [Fact]
    public async Task PowerDown_OfAGuestThatHeedsIt_EndsAsItsShutdown()
    {
        await using var machine = await StartAsync(Spec());
        await machine.PowerDownAsync(CancellationToken.None);
        if (!HasPowerButton)
        {
            // A guest of such a board is asked through its agent; of the button it never hears.
            await using var console = await TestTerminal.OpenAsync(machine);
            await console.ExchangeAsync('a');
            machine.State.ShouldBe(VmState.Running);
            return;
        }

        (await machine.Exited.WaitAsync(Limit)).Kind.ShouldBe(VmExitKind.GuestShutdown);
    }

    [Fact]
    public async Task Reset_OfAGuest_BootsItAnew()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        var process = machine.ProcessId;
        await machine.ResetAsync(CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello, times: 2);
        machine.ProcessId.ShouldBe(process);
    }

    [Fact]
    public async Task Pause_ThenResume_HoldsTheGuestMeanwhile()
    {
        await using var machine = await StartAsync(Spec());
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.ExchangeAsync('a');
        await machine.PauseAsync(CancellationToken.None);
        machine.State.ShouldBe(VmState.Paused);
        await console.TypeAsync('b');
        (await console.HearsWithinAsync('b', TimeSpan.FromMilliseconds(300))).ShouldBeFalse();
        await machine.ResumeAsync(CancellationToken.None);
        machine.State.ShouldBe(VmState.Running);
        (await console.HearsWithinAsync('b', Limit)).ShouldBeTrue();
    }

    [Fact]
    public async Task Kill_OfAPausedGuest_EndsIt()
    {
        await using var machine = await StartAsync(Spec());
        await machine.PauseAsync(CancellationToken.None);
        await machine.KillAsync(CancellationToken.None);
        (await machine.Exited).Kind.ShouldBe(VmExitKind.Killed);
    }

    [Fact]
    public async Task Metrics_OfAGuest_AreItsProcess()
    {
        await using var machine = await StartAsync(Spec());
        var first = await machine.ReadMetricsAsync(CancellationToken.None);
        first.ResidentBytes.ShouldBeGreaterThan(1 << 20);
        first.CpuTime.ShouldBeGreaterThan(TimeSpan.Zero);
        first.Uptime.ShouldBeLessThan(TimeSpan.FromMinutes(5));

        // The small guest looks for input all the time.
        VmMetrics later;
        do
        {
            later = await machine.ReadMetricsAsync(CancellationToken.None);
        }
        while (later.CpuTime == first.CpuTime);

        later.CpuTime.ShouldBeGreaterThan(first.CpuTime);
    }

    [Fact]
    public async Task Calls_AfterTheEnd_AreRefused()
    {
        await using var machine = await StartAsync(Spec());
        await machine.KillAsync(CancellationToken.None);
        await Should.ThrowAsync<VmException>(() => machine.PauseAsync(CancellationToken.None));
        await Should.ThrowAsync<VmException>(() => machine.ReadMetricsAsync(CancellationToken.None));
        await Should.ThrowAsync<VmException>(() => machine.OpenConsoleAsync(CancellationToken.None));
        await machine.KillAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Agent_OfAGuestWithout_AnswersWhereItIsTheTechniquesOwn()
    {
        await using var machine = await StartAsync(Spec());
        (await machine.Agent.PingAsync(TimeSpan.FromMilliseconds(100), CancellationToken.None)).ShouldBe(HasAgent);
    }

    /// <summary>On a board whose disks are those of its start.</summary>
    protected async Task AssertPlugIsRefusedAsync()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        var disk = await MakeDiskAsync(spec, "one");
        (await Should.ThrowAsync<VmException>(() => machine.PlugDiskAsync(disk, CancellationToken.None)))
            .Message.ShouldContain("stop it first");
        machine.State.ShouldBe(VmState.Running);
    }

    /// <summary>A folder for a machine, with the files that it starts from.</summary>
    protected string MakeFolder(string id) => _folder.Make(id);

    protected static async Task<VmDisk> MakeDiskAsync(VmSpec spec, string serial)
    {
        var path = Path.Combine(spec.Folder, serial);
        await QemuImgAsync("create", "-q", "-f", "qcow2", path, $"{16 << 20}");
        return new VmDisk { Serial = serial, Path = path, Format = VmDiskFormat.Qcow2 };
    }

    protected static async Task<string> QemuImgAsync(params string[] arguments)
    {
        using var tool = Process.Start(new ProcessStartInfo("qemu-img", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = await tool.StandardOutput.ReadToEndAsync();
        var complained = await tool.StandardError.ReadToEndAsync();
        await tool.WaitForExitAsync();
        tool.ExitCode.ShouldBe(0, complained);
        return said;
    }

    protected async Task<IVirtualMachine> StartAsync(VmSpec spec)
    {
        var machine = await Driver.StartAsync(spec, CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello);
        return machine;
    }

    protected virtual VmSpec Spec()
    {
        // Machines of suites that run at the same time share the host's cgroups and user ids.
        var id = $"i-{Guid.NewGuid():n}";
        var folder = _folder.Make(id);
        var kernel = Path.Combine(folder, "kernel");
        File.WriteAllBytes(kernel, TinyGuest.For(Architecture).Kernel);
        return new VmSpec
        {
            Id = id,
            Folder = folder,
            Architecture = Architecture,
            Engine = Engine,
            Vcpus = 1,
            MemoryBytes = 64 << 20,
            Kernel = new VmKernel(kernel, null, "console=ttyS0"),
            Disks = [],
            Uuid = Guid.NewGuid(),
        };
    }

    protected static GrowingFile ConsoleOf(VmSpec spec) => new(Path.Combine(spec.Folder, VmFolder.ConsoleLog));
}
