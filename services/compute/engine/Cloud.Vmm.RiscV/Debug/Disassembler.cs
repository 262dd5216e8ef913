using System.Globalization;
using System.Text;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Debug;

/// <summary>
/// Instructions as text: the manual's mnemonics, the calling convention's register names. A compressed one is what it stands for.
/// </summary>
internal static class Disassembler
{
    private static readonly Dictionary<Op, InstructionEntry> Entries = InstructionTable.Entries().ToDictionary(entry => entry.Op);

    /// <param name="instruction">The instruction.</param>
    /// <param name="address">Where it lies: branches and jumps name where they lead.</param>
    internal static string Text(Instruction instruction, ulong address)
    {
        if (!Entries.TryGetValue(instruction.Op, out InstructionEntry? entry))
        {
            return string.Create(CultureInfo.InvariantCulture, $".word 0x{instruction.Raw:x}");
        }

        string operands = Operands(instruction, entry, address);
        string mnemonic = Mnemonic(instruction.Op);
        return operands.Length == 0 ? mnemonic : $"{mnemonic} {operands}";
    }

    /// <summary>The name of the operation as the manual writes it: a dot before a format or width, and none within.</summary>
    internal static string Mnemonic(Op op)
    {
        string name = op.ToString();
        switch (op)
        {
            case Op.FenceI:
                return "fence.i";
            case Op.SfenceVma:
                return "sfence.vma";
            case Op.OrcB or Op.SextB or Op.SextH or Op.ZextH or Op.AddUw or Op.SlliUw or Op.Sh1addUw or Op.Sh2addUw or Op.Sh3addUw:
                int last = name.LastIndexOfAny(['B', 'H', 'U']);
                return $"{name[..last]}.{name[last..]}".ToLowerInvariant();
        }

        if (op is >= Op.LrW and <= Op.AmoMaxuD || op is >= Op.FmaddS and <= Op.FmvWX || op is >= Op.FmaddD and <= Op.FmvDX)
        {
            return Dotted(name);
        }

        return name.ToLowerInvariant();
    }

    /// <summary>FcvtSWu is fcvt.s.wu: a dot before each capital but the first.</summary>
    private static string Dotted(string name)
    {
        string plain = name.StartsWith("Amo", StringComparison.Ordinal) ? "Amo" + name[3..4].ToLowerInvariant() + name[4..] : name;
        var text = new StringBuilder();
        foreach (char letter in plain)
        {
            if (char.IsUpper(letter) && text.Length > 0)
            {
                text.Append('.');
            }

            text.Append(char.ToLowerInvariant(letter));
        }

        return text.ToString();
    }

    private static string Operands(Instruction i, InstructionEntry entry, ulong address)
    {
        bool floating = i.Op is >= Op.Flw and <= Op.FmvDX;
        string rd = Destination(i, floating);
        string rs1 = Source(i, floating);
        string rs2 = floating ? RegisterNames.Float[i.Rs2] : RegisterNames.Integer[i.Rs2];
        string target = string.Create(CultureInfo.InvariantCulture, $"0x{address + (ulong)i.Immediate:x}");
        return entry.Format switch
        {
            _ when i.Op is Op.Fence or Op.FenceI or Op.Ecall or Op.Ebreak or Op.Sret or Op.Mret or Op.Wfi => "",
            _ when i.Op == Op.SfenceVma => $"{rs1}, {rs2}",
            Format.R when i.Op is >= Op.LrW and <= Op.AmoMaxuD =>
                i.Op is Op.LrW or Op.LrD ? $"{rd}, ({rs1})" : $"{rd}, {rs2}, ({rs1})",
            Format.R4 => $"{rd}, {rs1}, {rs2}, {RegisterNames.Float[i.Rs3]}",
            Format.R or Format.RFloat => IsUnary(entry) ? $"{rd}, {rs1}" : $"{rd}, {rs1}, {rs2}",
            Format.I when i.Op is >= Op.Lb and <= Op.Lwu or Op.Flw or Op.Fld or Op.Jalr =>
                $"{rd}, {i.Immediate}({RegisterNames.Integer[i.Rs1]})",
            Format.I or Format.Shift => IsUnary(entry) ? $"{rd}, {rs1}" : $"{rd}, {rs1}, {i.Immediate}",
            Format.Csr => $"{rd}, {NameOf(i.Immediate)}, {(i.Op >= Op.Csrrwi ? $"{i.Rs1}" : RegisterNames.Integer[i.Rs1])}",
            Format.S => $"{rs2}, {i.Immediate}({RegisterNames.Integer[i.Rs1]})",
            Format.B => $"{rs1}, {rs2}, {target}",
            Format.U => string.Create(CultureInfo.InvariantCulture, $"{rd}, 0x{(uint)i.Immediate >> 12:x}"),
            _ => $"{rd}, {target}",
        };
    }

    /// <summary>Whether the table fixes the second source, or the whole immediate: it is part of the operation then.</summary>
    private static bool IsUnary(InstructionEntry entry) => (entry.Mask >> 20 & 31) == 31;

    /// <summary>Comparisons, classes, and moves and conversions to integers give an integer.</summary>
    private static string Destination(Instruction i, bool floating) =>
        floating && i.Op is not (>= Op.FcvtWS and <= Op.FclassS or >= Op.FcvtWD and <= Op.FclassD)
            ? RegisterNames.Float[i.Rd]
            : RegisterNames.Integer[i.Rd];

    private static string Source(Instruction i, bool floating) =>
        floating && i.Op is not (>= Op.FcvtSW and <= Op.FmvWX or >= Op.FcvtDW and <= Op.FmvDX or Op.Flw or Op.Fld or Op.Fsw or Op.Fsd)
            ? RegisterNames.Float[i.Rs1]
            : RegisterNames.Integer[i.Rs1];

    private static string NameOf(int csr) => Enum.IsDefined((CsrAddress)csr)
        ? ((CsrAddress)csr).ToString().ToLowerInvariant()
        : string.Create(CultureInfo.InvariantCulture, $"0x{csr:x}");
}
