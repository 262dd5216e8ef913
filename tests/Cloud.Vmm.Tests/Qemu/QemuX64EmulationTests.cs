using Cloud.Vmm.Qemu;
using Cloud.Vmm.Tests.Contract;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Qemu;

/// <summary>The contract, by emulation of an x86-64 PC.</summary>
public sealed class QemuX64EmulationTests : VmDiskContract
{
    protected override VmEngine Engine => VmEngine.Emulation;

    protected override VmArchitecture Architecture => VmArchitecture.X64;

    protected override bool HasPowerButton => true;

    protected override IVmDriver CreateDriver(string stateFolder) =>
        new QemuDriver(new QemuOptions { StateFolder = stateFolder }, TimeProvider.System, NullLoggerFactory.Instance);

    [Fact]
    public Task Disk_WhoseFilesAreMerged_ReadsTheOneFile_AndHasNoMoreOfTheOthers() => AssertMergedAsync();
}
