using Cloud.Vmm.Qemu;
using Cloud.Vmm.Tests.Contract;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Simulator;

/// <summary>The contract, by simulation of a RISC-V board: QEMU's driver over <c>cloud-vmm</c>.</summary>
public sealed class SimulationTests : VmDiskContract
{
    protected override VmEngine Engine => VmEngine.Simulation;

    protected override VmArchitecture Architecture => VmArchitecture.RiscV64;

    protected override bool HasPowerButton => false;

    protected override bool Moves => false;

    protected override IVmDriver CreateDriver(string stateFolder) =>
        new QemuDriver(new QemuOptions { StateFolder = stateFolder }, TimeProvider.System, NullLoggerFactory.Instance);

    [Fact]
    public async Task Start_OfAPc_IsRefused() => (await Should.ThrowAsync<VmException>(
        () => Driver.StartAsync(Spec() with { Architecture = VmArchitecture.X64 }, CancellationToken.None)))
        .Message.ShouldContain("RISC-V");
}
