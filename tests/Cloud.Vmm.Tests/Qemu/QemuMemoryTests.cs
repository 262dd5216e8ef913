using Cloud.Vmm.Qemu;

namespace Cloud.Vmm.Tests.Qemu;

/// <summary>How much memory a board has.</summary>
public sealed class QemuMemoryTests
{
    private const long RunBytes = 64 * 4096;
    private const long Asked = 128 << 20;

    [Fact]
    public void EmulatedBoard_HasNoWholeNumberOfRunsOfPages()
    {
        var bytes = QemuCommandLine.RamBytes(Spec(VmEngine.Emulation));

        (bytes % RunBytes).ShouldNotBe(0);
        bytes.ShouldBeInRange(Asked - RunBytes, Asked - 1);
        QemuCommandLine.RamBytes(Spec(VmEngine.Hardware)).ShouldBe(Asked);
        QemuCommandLine.RamBytes(Spec(VmEngine.Simulation)).ShouldBe(Asked);
    }

    [Theory]
    [InlineData(null, Asked)]
    [InlineData("134209536", 134209536)]
    [InlineData("1099511627776", Asked)]
    [InlineData("much", Asked)]
    public void Board_ThatGoesOn_HasWhatItHad(string? told, long expected)
    {
        var slots = new Dictionary<string, string> { ["nic0"] = "3.0" };
        if (told is not null)
        {
            slots[MachineSlots.Memory] = told;
        }

        var spec = Spec(VmEngine.Emulation);
        QemuCommandLine.RamBytes(spec with { From = new VmSavedState("state", slots) }).ShouldBe(expected);
        QemuCommandLine.RamBytes(spec with { AwaitedSlots = slots }).ShouldBe(expected);
    }

    private static VmSpec Spec(VmEngine engine) => new()
    {
        Id = "i-1",
        Folder = "/nowhere",
        Architecture = VmArchitecture.X64,
        Engine = engine,
        Vcpus = 1,
        MemoryBytes = Asked,
        Disks = [],
        Uuid = Guid.Empty,
    };
}
