using System.Diagnostics;
using Cloud.Vmm.Qemu;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Problems;

/// <summary>
/// The seven problems of virtualizing a processor that was not made for it, looked for by a guest (problems-x64.S of Cloud.Vmm.Qemu) on
/// each technique that runs it. What a guest finds is on its console: a line for each problem.
/// </summary>
public sealed class SevenProblemsTests : IAsyncLifetime
{
    private static readonly string[] Seven =
    [
        "ring-aliasing", "non-faulting-access", "ring-compression", "address-space-compression", "interrupt-virtualization", "hidden-state",
        "frequent-access",
    ];

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly TestFolder _folder = new();

    private QemuDriver Driver { get; set; } = null!;

    public ValueTask InitializeAsync()
    {
        Driver = new QemuDriver(
            new QemuOptions { StateFolder = _folder.Make("state") }, TimeProvider.System, NullLoggerFactory.Instance);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        Driver.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public Task Emulation_SolvesAllSeven() => RunAsync(VmEngine.Emulation);

    /// <summary>By the driver where the technique works; where it runs only guests without paging and rings, what those can.</summary>
    [Fact]
    public async Task Hardware_SolvesAllThatItRuns()
    {
        var probe = (await Driver.ProbeAsync(CancellationToken.None)).Single(
            found => found is { Engine: VmEngine.Hardware, Architecture: VmArchitecture.X64 });
        if (probe.Works)
        {
            await RunAsync(VmEngine.Hardware);
            return;
        }

        Assert.SkipUnless(File.Exists("/dev/kvm"), probe.Reason);
        var folder = _folder.Make("by-hand");
        var log = Path.Combine(folder, VmFolder.ConsoleLog);
        var console = new GrowingFile(log);
        string[] arguments =
        [
            "-accel", "kvm", "-cpu", "qemu64", "-machine", "microvm,pic=on,pit=on,rtc=on,isa-serial=on", "-m", "128", "-nodefaults",
            "-display", "none", "-serial", $"file:{VmFolder.ConsoleLog}", "-kernel", Guest, "-append", "ring0",
        ];
        using var qemu = Process.Start(
            new ProcessStartInfo("qemu-system-x86_64", arguments) { WorkingDirectory = folder, RedirectStandardError = true })!;
        var refused = qemu.StandardError.ReadToEndAsync();
        try
        {
            var done = console.WaitForAsync("done");
            await Task.WhenAny(done, qemu.WaitForExitAsync()).WaitAsync(Limit);
            Assert.SkipWhen(qemu.HasExited && !(File.Exists(log) && console.Text.Length > 0), $"KVM takes no guest: {probe.Reason}");
            await done.WaitAsync(Limit);
            AssertFound(console.Text, Seven.Except(["ring-compression"]));
        }
        finally
        {
            qemu.Kill();
            await refused;
        }
    }

    private async Task RunAsync(VmEngine engine)
    {
        var spec = Spec(engine, "problems");
        VmSavedState state;
        await using (var machine = await Driver.StartAsync(spec, CancellationToken.None))
        {
            await ConsoleOf(spec).WaitForAsync("done");
            AssertFound(ConsoleOf(spec).Text, Seven);

            // What is hidden survives that the guest stands still, and that it goes on elsewhere.
            await machine.PauseAsync(CancellationToken.None);
            await machine.ResumeAsync(CancellationToken.None);
            await LookAgainAsync(machine, spec, times: 2);
            state = await machine.SaveAsync(
                Path.Combine(spec.Folder, "saved"), new Dictionary<string, VmDiskLayer>(), goOn: true, CancellationToken.None);
        }

        var elsewhere = Spec(engine, "elsewhere") with { From = state };
        await using var other = await Driver.StartAsync(elsewhere, CancellationToken.None);
        await LookAgainAsync(other, elsewhere, times: 1);
    }

    private static async Task LookAgainAsync(IVirtualMachine machine, VmSpec spec, int times)
    {
        await using var terminal = await TestTerminal.OpenAsync(machine);
        await terminal.TypeAsync('?');
        await ConsoleOf(spec).WaitForAsync("hidden-state ok", times);
    }

    private static void AssertFound(string console, IEnumerable<string> problems)
    {
        var lines = console.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var problem in problems)
        {
            lines.ShouldContain($"{problem} ok");
        }
    }

    private VmSpec Spec(VmEngine engine, string name)
    {
        var id = $"i-{name}-{Guid.NewGuid():n}";
        var folder = _folder.Make(id);
        return new VmSpec
        {
            Id = id,
            Folder = folder,
            Architecture = VmArchitecture.X64,
            Engine = engine,
            Vcpus = 1,
            MemoryBytes = 128 << 20,
            Kernel = new VmKernel(Guest, null, "pages"),
            Disks = [],
            Uuid = Guid.NewGuid(),
        };
    }

    /// <summary>As it was assembled with the driver, which asks it too.</summary>
    private static string Guest => Path.Combine(AppContext.BaseDirectory, "problems-x64");

    private static GrowingFile ConsoleOf(VmSpec spec) => new(Path.Combine(spec.Folder, VmFolder.ConsoleLog));
}
