using System.Globalization;
using System.Text;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Debug;

namespace Cloud.Vmm.Runner.Gdb;

/// <summary>The registers by GDB's numbers: x0 to x31, pc, f0 to f31, then the CSRs from 65 on (gdb/riscv-tdep.h).</summary>
internal static unsafe class GdbRegisters
{
    internal const int Pc = 32;
    internal const int General = 33;
    private const int FirstFloat = 33;
    private const int FirstCsr = 65;
    private const int Mode = FirstCsr + 4096;

    private static readonly CsrAddress[] Csrs =
    [
        CsrAddress.Sstatus, CsrAddress.Sie, CsrAddress.Stvec, CsrAddress.Sscratch, CsrAddress.Sepc, CsrAddress.Scause, CsrAddress.Stval,
        CsrAddress.Sip, CsrAddress.Satp, CsrAddress.Mstatus, CsrAddress.Misa, CsrAddress.Medeleg, CsrAddress.Mideleg, CsrAddress.Mie,
        CsrAddress.Mtvec, CsrAddress.Mscratch, CsrAddress.Mepc, CsrAddress.Mcause, CsrAddress.Mtval, CsrAddress.Mip, CsrAddress.Mhartid,
    ];

    /// <summary>What GDB asks for as target.xml: which registers there are.</summary>
    internal static string TargetXml { get; } = Describe();

    internal static ulong? Read(Hart hart, int number) => number switch
    {
        >= 0 and < Pc => hart.State->X[number],
        Pc => hart.State->Pc,
        >= FirstFloat and < FirstCsr => hart.State->F[number - FirstFloat],
        Mode => (ulong)hart.Mode,
        >= FirstCsr and < Mode => hart.Csrs.Peek(number - FirstCsr),
        _ => null,
    };

    internal static bool Write(Hart hart, int number, ulong value)
    {
        switch (number)
        {
            case 0:
                return true;
            case > 0 and < Pc:
                hart.State->X[number] = value;
                return true;
            case Pc:
                hart.State->Pc = value & ~1UL;
                return true;
            case >= FirstFloat and < FirstCsr:
                hart.State->F[number - FirstFloat] = value;
                return true;
            case >= FirstCsr and < Mode when hart.Csrs.Peek(number - FirstCsr) is not null:
                return hart.Csrs.TryWrite(number - FirstCsr, value);
            default:
                return false;
        }
    }

    private static string Describe()
    {
        var xml = new StringBuilder("""<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">""");
        xml.Append("<target><architecture>riscv:rv64</architecture>");
        xml.Append("""<feature name="org.gnu.gdb.riscv.cpu">""");
        for (int number = 0; number < Pc; number++)
        {
            Add(xml, RegisterNames.Integer[number], number, number is 2 or 3 or 4 ? "data_ptr" : number == 1 ? "code_ptr" : "int");
        }

        Add(xml, "pc", Pc, "code_ptr");
        xml.Append("""</feature><feature name="org.gnu.gdb.riscv.fpu">""");
        for (int number = FirstFloat; number < FirstCsr; number++)
        {
            Add(xml, RegisterNames.Float[number - FirstFloat], number, "ieee_double");
        }

        foreach (CsrAddress csr in (CsrAddress[])[CsrAddress.Fflags, CsrAddress.Frm, CsrAddress.Fcsr])
        {
            Add(xml, csr.ToString().ToLowerInvariant(), FirstCsr + (int)csr, "int");
        }

        xml.Append("""</feature><feature name="org.gnu.gdb.riscv.csr">""");
        Array.ForEach(Csrs, csr => Add(xml, csr.ToString().ToLowerInvariant(), FirstCsr + (int)csr, "int"));
        xml.Append("""</feature><feature name="org.gnu.gdb.riscv.virtual">""");
        Add(xml, "priv", Mode, "int");
        return xml.Append("</feature></target>").ToString();
    }

    private static void Add(StringBuilder xml, string name, int number, string type) => xml.Append(
        CultureInfo.InvariantCulture, $"""<reg name="{name}" bitsize="64" regnum="{number}" type="{type}"/>""");
}
