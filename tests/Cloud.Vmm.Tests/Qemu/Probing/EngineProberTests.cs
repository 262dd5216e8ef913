using System.Text.Json;
using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Probing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Qemu.Probing;

public sealed class EngineProberTests : IAsyncDisposable
{
    private readonly TestFolder _folder = new();

    public ValueTask DisposeAsync() => _folder.DisposeAsync();

    [Theory]
    [InlineData(VmEngine.Emulation, VmArchitecture.X64)]
    [InlineData(VmEngine.Emulation, VmArchitecture.RiscV64)]
    [InlineData(VmEngine.Simulation, VmArchitecture.RiscV64)]
    public async Task Probe_OfSoftware_RunsAGuest(VmEngine engine, VmArchitecture architecture)
    {
        using var driver = Driver();
        var probe = (await driver.ProbeAsync(CancellationToken.None))
            .Single(one => one.Engine == engine && one.Architecture == architecture);
        probe.Works.ShouldBeTrue(probe.Reason);
    }

    /// <summary>Once a boot of the host: the second time the guests do not run.</summary>
    [Fact]
    public async Task Examination_FindsTheSevenProblemsSolved_AndRemembersThat()
    {
        using (var driver = Driver())
        {
            var found = (await driver.ExamineAsync(CancellationToken.None)).ToDictionary(one => (one.Engine, one.Architecture));
            found[(VmEngine.Emulation, VmArchitecture.X64)].ProblemsReason.ShouldBeNull();
            found[(VmEngine.Emulation, VmArchitecture.X64)].Problems.Count.ShouldBe(7);
            found[(VmEngine.Emulation, VmArchitecture.X64)].Problems.ShouldAllBe(problem => problem.Value);
            found[(VmEngine.Emulation, VmArchitecture.RiscV64)].Problems.ShouldBeEmpty();
            found[(VmEngine.Emulation, VmArchitecture.RiscV64)].ProblemsReason.ShouldNotBeNull();
            var hardware = found[(VmEngine.Hardware, VmArchitecture.X64)];
            hardware.Processor.ShouldNotBeNull();
            hardware.Problems.ShouldAllBe(problem => problem.Value);
            (hardware.Problems.Count == 7).ShouldBe(hardware.ProblemsReason is null, hardware.ToString());
        }

        using var later = Driver();
        var again = (await later.ExamineAsync(CancellationToken.None)).Single(
            one => (one.Engine, one.Architecture) == (VmEngine.Emulation, VmArchitecture.X64));
        again.Problems.Count.ShouldBe(7);
        Directory.EnumerateFiles(_folder.Path, "probe-emulation-x64.json", SearchOption.AllDirectories)
            .ShouldHaveSingleItem().ShouldSatisfyAllConditions(path => File.ReadAllText(path).ShouldContain("ring-aliasing"));
    }

    [Fact]
    public async Task Probe_OfEveryPair_SaysWhy()
    {
        using var driver = Driver();
        var probes = await driver.ProbeAsync(CancellationToken.None);
        probes.Select(probe => (probe.Engine, probe.Architecture)).Distinct().Count().ShouldBe(5);
        foreach (var probe in probes)
        {
            probe.Reason.ShouldNotBeNullOrWhiteSpace();
            TestContext.Current.TestOutputHelper?.WriteLine($"{probe}");
        }
    }

    [Fact]
    public async Task Probe_OfAnotherInstructionSetByHardware_IsRefusedUntried()
    {
        using var driver = Driver();
        var probe = (await driver.ProbeAsync(CancellationToken.None))
            .Single(one => one.Engine == VmEngine.Hardware && one.Architecture == VmArchitecture.RiscV64);
        probe.Works.ShouldBeFalse();
        probe.Reason.ShouldContain("instruction set");
    }

    [Fact]
    public async Task Probe_OfAGuestThatHangs_EndsItAndSaysSo()
    {
        // QEMU that is told to wait for a debugger: it starts, and its guest never runs.
        var program = Path.Combine(_folder.Path, "hangs");
        await File.WriteAllTextAsync(program, $"#!/bin/sh\ncd {_folder.Path}\nexec /usr/bin/qemu-system-x86_64 \"$@\" -S\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var parts = new QemuParts(Options(), TimeProvider.System, NullLoggerFactory.Instance);
        var run = await ProbeRun.RunAsync(
            new ProbeTarget(program, VmEngine.Emulation, VmArchitecture.X64, "qemu64"), null, TimeSpan.FromSeconds(1), parts,
            CancellationToken.None);
        run.Worked.ShouldBeFalse();
        run.Reason.ShouldContain("hung");
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Probe_OfAQemuThatFails_SaysWhatItSaid()
    {
        var program = Path.Combine(_folder.Path, "fails");
        await File.WriteAllTextAsync(program, "#!/bin/sh\necho 'qemu-system-x86_64: cannot set up /dev/kvm: no luck' >&2\nexit 1\n");
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var parts = new QemuParts(Options(), TimeProvider.System, NullLoggerFactory.Instance);
        var run = await ProbeRun.RunAsync(
            new ProbeTarget(program, VmEngine.Emulation, VmArchitecture.X64, "qemu64"), null, TimeSpan.FromSeconds(10), parts,
            CancellationToken.None);
        run.Worked.ShouldBeFalse();
        run.Reason.ShouldContain("no luck");
    }

    [Fact]
    public async Task Probe_OfTheSameBoot_IsRemembered()
    {
        await ProbeOnceAsync();
        var path = Path.Combine(_folder.Path, "state", "probe-emulation-x64.json");
        var kept = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path), ProbeJson.Default.KeptProbe)!;
        await File.WriteAllTextAsync(
            path, JsonSerializer.Serialize(kept with { Probe = kept.Probe with { Reason = "remembered" } }, ProbeJson.Default.KeptProbe));
        (await ProbeOnceAsync()).Reason.ShouldBe("remembered");
    }

    [Fact]
    public async Task Probe_OfAnotherBoot_IsMadeAnew()
    {
        await ProbeOnceAsync();
        var path = Path.Combine(_folder.Path, "state", "probe-emulation-x64.json");
        var kept = JsonSerializer.Deserialize(await File.ReadAllTextAsync(path), ProbeJson.Default.KeptProbe)!;
        await File.WriteAllTextAsync(
            path,
            JsonSerializer.Serialize(
                kept with { HostBoot = "another", Probe = kept.Probe with { Works = false } }, ProbeJson.Default.KeptProbe));
        (await ProbeOnceAsync()).Works.ShouldBeTrue();
    }

    private async Task<EngineProbe> ProbeOnceAsync()
    {
        using var driver = Driver();
        return (await driver.ProbeAsync(CancellationToken.None))
            .Single(probe => probe.Engine == VmEngine.Emulation && probe.Architecture == VmArchitecture.X64);
    }

    private QemuOptions Options() => new() { StateFolder = Path.Combine(_folder.Path, "state") };

    private QemuDriver Driver() => new(Options(), TimeProvider.System, NullLoggerFactory.Instance);
}
