using Cloud.Vmm.Qemu;
using Cloud.Vmm.Tests.Contract;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Qemu;

/// <summary>The contract, by emulation of a RISC-V board.</summary>
public sealed class QemuRiscV64EmulationTests : VmDriverContract
{
    protected override VmEngine Engine => VmEngine.Emulation;

    protected override VmArchitecture Architecture => VmArchitecture.RiscV64;

    protected override bool HasPowerButton => false;

    protected override IVmDriver CreateDriver(string stateFolder) =>
        new QemuDriver(new QemuOptions { StateFolder = stateFolder }, TimeProvider.System, NullLoggerFactory.Instance);

    [Fact]
    public Task Disk_PluggedIntoARunningMachine_IsRefused() => AssertPlugIsRefusedAsync();
}
