using Cloud.Vmm.Qemu.Probing;

namespace Cloud.Vmm.Tests.Qemu.Probing;

/// <summary>What is said of processors, from what their kernels and registers say.</summary>
public sealed class ProcessorReaderTests
{
    private const string Intel = """
        processor	: 0
        flags		: fpu vme vmx ept
        vmx flags	: vnmi preemption_timer invvpid

        processor	: 1
        flags		: fpu vme vmx ept
        vmx flags	: vnmi
        """;

    [Fact]
    public void Vmx_IsToldWithItsControls()
    {
        var found = ProcessorReader.Of(Intel, numbers => numbers.Where(number => number is 0x480 or 0x482 or 0x48b).ToDictionary(
            number => number,
            number => number switch { 0x480 => 0x00da_0400_0000_0012UL, 0x482 => 0x80UL << 32, _ => 0x22UL << 32 }));
        found.Extension.ShouldBe("VMX");
        found.Features.ShouldBe(["vnmi", "preemption_timer", "invvpid", "HLT exiting", "EPT", "VPID"]);
        found.Vmcs["IA32_VMX_BASIC"].ShouldBe("0x00da040000000012");
        found.Vmcs.Keys.ShouldBe(["IA32_VMX_BASIC", "IA32_VMX_PROCBASED_CTLS", "IA32_VMX_PROCBASED_CTLS2"]);
        found.Reason.ShouldBeNull();
    }

    [Fact]
    public void Vmx_WhoseRegistersCannotBeRead_SaysWhy()
    {
        var found = ProcessorReader.Of(Intel, _ => throw new UnauthorizedAccessException());
        found.Extension.ShouldBe("VMX");
        found.Features.ShouldBe(["vnmi", "preemption_timer", "invvpid"]);
        found.Vmcs.ShouldBeEmpty();
        found.Reason!.ShouldContain("module msr");
    }

    [Theory]
    [InlineData("flags\t\t: fpu svm npt nrip_save smep\n", "SVM", "npt,nrip_save")]
    [InlineData("flags\t\t: fpu hypervisor\n", null, "")]
    [InlineData("", null, "")]
    public void Others_AreToldApart(string cpuInfo, string? extension, string features)
    {
        var found = ProcessorReader.Of(cpuInfo, _ => throw new IOException());
        found.Extension.ShouldBe(extension);
        string.Join(',', found.Features).ShouldBe(features);
        found.Reason.ShouldNotBeNull();
    }
}
