using System.Buffers.Binary;
using System.Globalization;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>
/// Reads what the processor says of its virtualization support: the kernel's words in <c>/proc/cpuinfo</c>, and the capability registers of
/// VMX (Intel SDM volume 3, appendix A), which say which fields its VMCS has and which controls it may set.
/// </summary>
internal static class ProcessorReader
{
    private const string CpuInfo = "/proc/cpuinfo";
    private const string Registers = "/dev/cpu/0/msr";

    private static readonly (uint Number, string Name)[] VmxRegisters =
    [
        (0x480, "IA32_VMX_BASIC"), (0x481, "IA32_VMX_PINBASED_CTLS"), (0x482, "IA32_VMX_PROCBASED_CTLS"), (0x483, "IA32_VMX_EXIT_CTLS"),
        (0x484, "IA32_VMX_ENTRY_CTLS"), (0x485, "IA32_VMX_MISC"), (0x48a, "IA32_VMX_VMCS_ENUM"), (0x48b, "IA32_VMX_PROCBASED_CTLS2"),
        (0x48c, "IA32_VMX_EPT_VPID_CAP"),
    ];

    /// <summary>Controls that may be set to 1: bits of a register's upper half (SDM 3, 25.6.1 and 25.6.2).</summary>
    private static readonly (string Register, int Bit, string Feature)[] Controls =
    [
        ("IA32_VMX_PINBASED_CTLS", 0, "external-interrupt exiting"), ("IA32_VMX_PINBASED_CTLS", 5, "virtual NMIs"),
        ("IA32_VMX_PINBASED_CTLS", 6, "VMX-preemption timer"), ("IA32_VMX_PINBASED_CTLS", 7, "posted interrupts"),
        ("IA32_VMX_PROCBASED_CTLS", 2, "interrupt-window exiting"), ("IA32_VMX_PROCBASED_CTLS", 7, "HLT exiting"),
        ("IA32_VMX_PROCBASED_CTLS", 21, "TPR shadow"), ("IA32_VMX_PROCBASED_CTLS", 28, "MSR bitmaps"),
        ("IA32_VMX_PROCBASED_CTLS2", 1, "EPT"), ("IA32_VMX_PROCBASED_CTLS2", 5, "VPID"),
        ("IA32_VMX_PROCBASED_CTLS2", 7, "unrestricted guest"), ("IA32_VMX_PROCBASED_CTLS2", 8, "APIC-register virtualization"),
        ("IA32_VMX_PROCBASED_CTLS2", 9, "virtual-interrupt delivery"), ("IA32_VMX_PROCBASED_CTLS2", 14, "VMCS shadowing"),
    ];

    public static ProcessorSupport Read() => Of(File.Exists(CpuInfo) ? File.ReadAllText(CpuInfo) : "", ReadRegisters);

    /// <param name="cpuInfo">What <c>/proc/cpuinfo</c> has.</param>
    /// <param name="readRegisters">Reads model-specific registers; throws where they cannot be read.</param>
    public static ProcessorSupport Of(string cpuInfo, Func<IEnumerable<uint>, IReadOnlyDictionary<uint, ulong>> readRegisters)
    {
        var flags = Words(cpuInfo, "flags");
        if (!flags.Contains("vmx"))
        {
            var isAmd = flags.Contains("svm");
            var svm = flags.Where(flag => isAmd && SvmFeatures.Contains(flag)).ToList();
            return new ProcessorSupport(
                isAmd ? "SVM" : null, svm, new Dictionary<string, string>(),
                isAmd
                    ? "An SVM processor has a VMCB in memory, whose fields no register tells."
                    : "The processor that this host sees shows neither vmx nor svm: it may be virtual itself, and not be nested in.");
        }

        var words = Words(cpuInfo, "vmx flags");
        try
        {
            var values = readRegisters(VmxRegisters.Select(register => register.Number));
            var named = VmxRegisters.Where(register => values.ContainsKey(register.Number))
                .ToDictionary(register => register.Name, register => values[register.Number]);
            var controls = Controls.Where(
                control => named.TryGetValue(control.Register, out var value) && ((value >> (32 + control.Bit)) & 1) != 0);
            return new ProcessorSupport(
                "VMX", [.. words, .. controls.Select(control => control.Feature)],
                named.ToDictionary(one => one.Key, one => "0x" + one.Value.ToString("x16", CultureInfo.InvariantCulture)), null);
        }
        catch (Exception closed) when (closed is IOException or UnauthorizedAccessException)
        {
            return new ProcessorSupport(
                "VMX", words, new Dictionary<string, string>(),
                $"The VMX capability registers cannot be read by {Registers}: load the module msr, and be root.");
        }
    }

    private static readonly HashSet<string> SvmFeatures =
        ["npt", "lbrv", "svm_lock", "nrip_save", "tsc_scale", "vmcb_clean", "flushbyasid", "decodeassists", "pausefilter", "avic", "vgif"];

    private static string[] Words(string cpuInfo, string name) =>
        cpuInfo.Split('\n').Select(line => line.Split(':', 2)).FirstOrDefault(parts => parts.Length == 2 && parts[0].Trim() == name)?[1]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];

    private static Dictionary<uint, ulong> ReadRegisters(IEnumerable<uint> numbers)
    {
        using var file = File.OpenHandle(Registers);
        var values = new Dictionary<uint, ulong>();
        var bytes = new byte[sizeof(ulong)];
        foreach (var number in numbers)
        {
            try
            {
                RandomAccess.Read(file, bytes, number);
                values[number] = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            }
            catch (IOException)
            {
                // This processor does not have that one.
            }
        }

        return values;
    }
}
