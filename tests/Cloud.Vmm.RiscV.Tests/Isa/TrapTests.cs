using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.Isa;

/// <summary>Exceptions and interrupts: cause, value, address and the mode they are taken in.</summary>
public abstract class TrapTests(bool translate)
{
    private const int Handler = 0x400;

    [Fact]
    public void IllegalInstruction_InMachineMode_TrapsWithItsEncoding()
    {
        using Board board = WithHandler(new Asm().Word(0xFFFFFFFF));
        board.Run(1);
        ShouldTrap(board, TrapCause.IllegalInstruction, 0xFFFFFFFF, 0);
    }

    [Fact]
    public void CompressedIllegalInstruction_TrapsWithItsTwoBytes()
    {
        using Board board = WithHandler(new Asm().Half(0).Half(0xFFFF));
        board.Run(1);
        ShouldTrap(board, TrapCause.IllegalInstruction, 0, 0);
    }

    [Fact]
    public void Load_WhereNothingIs_TrapsWithTheAddress()
    {
        using Board board = WithHandler(new Asm().I(Op.Addi, 5, 0, 0x100).I(Op.Ld, 6, 5, 8));
        board.Run(2);
        ShouldTrap(board, TrapCause.LoadAccessFault, 0x108, 4);
    }

    [Fact]
    public void Store_AcrossTheEndOfMemory_TrapsAndWritesNothing()
    {
        using Board board = WithHandler(new Asm().S(Op.Sd, 6, 5, 0));
        ulong end = MemoryMap.Ram + board.Machine.Ram.Size;
        (board[5], board[6]) = (end - 4, ulong.MaxValue);
        board.Run(1);
        ShouldTrap(board, TrapCause.StoreAccessFault, end, 0);
        board.Memory(end - 8).ShouldBe(0UL);
    }

    [Fact]
    public void AtomicOnAMisalignedAddress_TrapsAsMisaligned()
    {
        using Board board = WithHandler(new Asm().R(Op.AmoAddW, 6, 5, 7));
        board[5] = MemoryMap.Ram + 0x1002;
        board.Run(1);
        ShouldTrap(board, TrapCause.StoreMisaligned, MemoryMap.Ram + 0x1002, 0);
    }

    [Fact]
    public void MisalignedLoad_AcrossAPage_GivesBothParts()
    {
        using Board board = WithHandler(new Asm().I(Op.Ld, 6, 5, 0));
        board.Memory(MemoryMap.Ram + 0x1FF8) = 0x8877665544332211;
        board.Memory(MemoryMap.Ram + 0x2000) = 0xFFEEDDCCBBAA9988;
        board[5] = MemoryMap.Ram + 0x1FFD;
        board.Run(1);
        board[6].ShouldBe(0xCCBBAA9988887766);
    }

    [Fact]
    public void EnvironmentCall_DelegatedFromUserMode_IsTakenBySupervisor()
    {
        using Board board = WithHandler(new Asm()
            .I(Op.Csrrw, 0, 5, (int)CsrAddress.Medeleg).I(Op.Csrrw, 0, 6, (int)CsrAddress.Stvec).I(Op.Csrrw, 0, 7, (int)CsrAddress.Mepc)
            .I(Op.Csrrw, 0, 8, (int)CsrAddress.Pmpcfg0).I(Op.Csrrw, 0, 9, (int)CsrAddress.Pmpaddr0).Word(0x30200073)
            .Word(0x00000073));
        (board[5], board[6], board[7]) = (1UL << 8, MemoryMap.Ram + 0x800, MemoryMap.Ram + 24);
        (board[8], board[9]) = (0x1F, ulong.MaxValue);
        board.Run(7);
        board.Hart.Mode.ShouldBe(PrivilegeMode.Supervisor);
        board.Pc.ShouldBe(MemoryMap.Ram + 0x800);
        board.Hart.Csrs.Scause.ShouldBe((ulong)TrapCause.UserCall);
        board.Hart.Csrs.Sepc.ShouldBe(MemoryMap.Ram + 24);
    }

    [Fact]
    public void UserMode_WithoutAPmpEntry_MayNotEvenFetch()
    {
        using Board board = WithHandler(new Asm().I(Op.Csrrw, 0, 7, (int)CsrAddress.Mepc).Word(0x30200073));
        board[7] = MemoryMap.Ram + 0x100;
        board.Run(3);
        ShouldTrap(board, TrapCause.InstructionAccessFault, MemoryMap.Ram + 0x100, 0x100);
    }

    [Fact]
    public void MachineTimer_PastItsCompare_InterruptsAndEndsTheWait()
    {
        Asm program = new Asm().I(Op.Csrrw, 0, 5, (int)CsrAddress.Mie).I(Op.Csrrsi, 0, 8, (int)CsrAddress.Mstatus)
            .Word(0x10500073).I(Op.Addi, 0, 0, 0);
        using Board board = WithHandler(program);
        board[5] = Interrupts.MachineTimer;
        board.Run(10);
        board.Hart.Waiting.ShouldBeTrue();
        board.Hart.SetTimer(0);
        board.Run(1);
        board.Hart.Waiting.ShouldBeFalse();
        board.Hart.Csrs.Mcause.ShouldBe(1UL << 63 | 7);
        board.Hart.Csrs.Mepc.ShouldBe(MemoryMap.Ram + 12);
    }

    [Fact]
    public void Interrupts_SeveralPending_AreTakenInTheManualsOrder()
    {
        Interrupts.First(Interrupts.All).ShouldBe(11);
        Interrupts.First(Interrupts.Supervisor).ShouldBe(9);
        Interrupts.First(Interrupts.SupervisorTimer | Interrupts.SupervisorSoftware).ShouldBe(1);
    }

    [Fact]
    public void ReadOnlyCsr_Written_IsIllegal()
    {
        using Board board = WithHandler(new Asm().I(Op.Csrrw, 0, 5, (int)CsrAddress.Mhartid));
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)TrapCause.IllegalInstruction);
    }

    [Fact]
    public void FloatInstruction_WithTheUnitOff_IsIllegal()
    {
        using Board board = WithHandler(new Asm().R(Op.FaddD, 1, 2, 3));
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)TrapCause.IllegalInstruction);
    }

    [Fact]
    public void InstructionThatCrossesAPage_Runs()
    {
        // addi x5, x5, 7 with its halves on two pages.
        using Board board = WithHandler(new Asm());
        uint code = Asm.Encode(Op.Addi, 5, 5, 0, 7);
        board.Machine.Ram.Write(MemoryMap.Ram + 0x1FFE, BitConverter.GetBytes(code));
        board.Pc = MemoryMap.Ram + 0x1FFE;
        board.Run(1);
        board[5].ShouldBe(7UL);
        board.Pc.ShouldBe(MemoryMap.Ram + 0x2002);
    }

    [Fact]
    public void CodeThatRewritesItself_RunsAnewAfterFenceI()
    {
        // The patched instruction ran before, so its old form is held decoded.
        var program = new Asm().Label("again").I(Op.Addi, 6, 6, 1).S(Op.Sw, 7, 8, 0).Word(0x0000100F).Jump(0, "again");
        using Board board = WithHandler(program);
        (board[7], board[8]) = (Asm.Encode(Op.Addi, 6, 6, 0, 100), MemoryMap.Ram);
        board.Run(5);
        board[6].ShouldBe(101UL);
    }

    private Board WithHandler(Asm program)
    {
        var board = new Board(program.Build(), translate);
        board.Hart.Csrs.TryWrite((int)CsrAddress.Mtvec, MemoryMap.Ram + Handler).ShouldBeTrue();
        return board;
    }

    private static void ShouldTrap(Board board, TrapCause cause, ulong value, ulong offset)
    {
        board.Hart.Csrs.Mcause.ShouldBe((ulong)cause);
        board.Hart.Csrs.Mtval.ShouldBe(value);
        board.Hart.Csrs.Mepc.ShouldBe(MemoryMap.Ram + offset);
        board.Pc.ShouldBe(MemoryMap.Ram + Handler);
        board.Hart.Mode.ShouldBe(PrivilegeMode.Machine);
    }
}

public sealed class TrapInterpretedTests() : TrapTests(false);

public sealed class TrapTranslatedTests() : TrapTests(true);
