using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Placement;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Placement;

public sealed class PlacerTests
{
    private const long Gi = 1L << 30;
    private static readonly HostEngine Emulation = new("emulation", "x86_64", true, "It ran a guest.");
    private static readonly HostEngine BrokenHardware = new("hardware", "x86_64", false, "A 64-bit guest hung.");

    [Fact]
    public void Auto_WithBrokenHardware_TakesEmulationAndSaysWhy()
    {
        var verdict = Placer.Judge(Ask("x86_64", "auto", Gi), [HostOf("a", 8 * Gi, [Emulation, BrokenHardware])]).Single();
        verdict.Engine.ShouldBe("emulation");
        verdict.EngineReason!.ShouldContain("A 64-bit guest hung.");
    }

    [Fact]
    public void Engine_ThatEnforcesNoLimits_SaysSoToWhoGetsIt()
    {
        var container = new HostEngine("container", "x86_64", true, "It ran one.")
        {
            Lacks = new Dictionary<string, string> { [HostEngine.Limits] = "Limits are not enforced.", [HostEngine.Volumes] = "None." },
        };
        foreach (var asked in (string[])["auto", "container"])
        {
            var request = Ask("x86_64", asked, Gi) with { IsContainer = true };
            var reason = Placer.Judge(request, [HostOf("a", 8 * Gi, [container])]).Single().EngineReason!;
            reason.ShouldEndWith("Limits are not enforced.");
        }
    }

    [Fact]
    public void HardwareByName_WhereItDoesNotWork_IsRefusedWithTheReason()
    {
        var verdict = Placer.Judge(Ask("x86_64", "hardware", Gi), [HostOf("a", 8 * Gi, [Emulation, BrokenHardware])]).Single();
        verdict.Score.ShouldBeNull();
        verdict.Refused!.ShouldContain("A 64-bit guest hung.");
    }

    [Fact]
    public void MostFreeMemory_ComesFirst()
    {
        var verdicts = Placer.Judge(
            Ask("x86_64", "auto", Gi), [HostOf("full", 8 * Gi, [Emulation], used: 5 * Gi), HostOf("empty", 8 * Gi, [Emulation])]);
        verdicts.Select(verdict => verdict.Host).ShouldBe(["empty", "full"]);
    }

    [Fact]
    public void NoRoom_IsRefusedWithFigures()
    {
        var verdict = Placer.Judge(Ask("x86_64", "auto", 4 * Gi), [HostOf("a", 8 * Gi, [Emulation], used: 6 * Gi)]).Single();
        verdict.Refused!.ShouldContain("4096 MiB");
    }

    [Fact]
    public void OtherArchitecture_IsRefused() =>
        Placer.Judge(Ask("riscv64", "auto", Gi), [HostOf("a", 8 * Gi, [Emulation])]).Single().Refused!.ShouldContain("riscv64");

    [Fact]
    public void UnreachableHost_IsRefused() =>
        Placer.Judge(Ask("x86_64", "auto", Gi), [HostOf("a", 8 * Gi, [Emulation], reachable: false)])
            .Single().Refused!.ShouldContain("does not answer");

    [Fact]
    public void HostLabels_MustAllBeTheHosts()
    {
        var asked = Ask("x86_64", "auto", Gi) with { HostLabels = new Labels([new("zone", "b")]) };
        Placer.Judge(asked, [HostOf("a", 8 * Gi, [Emulation])]).Single().Refused!.ShouldContain("zone=b");
    }

    private static PlacementRequest Ask(string architecture, string engine, long memory) =>
        new(architecture, engine, 1, memory, Labels.None);

    private static HostCapacity HostOf(
        string name, long memory, IReadOnlyList<HostEngine> engines, long used = 0, bool reachable = true) => new(
        ComputeHost.Create(
            TypedId.New<HostId>(TimeProvider.System),
            new HostReport { Name = name, Cpus = 2, MemoryBytes = memory, DiskFreeBytes = 100 * Gi, Engines = engines },
            null,
            TimeProvider.System.GetUtcNow()),
        0,
        used,
        reachable);
}
