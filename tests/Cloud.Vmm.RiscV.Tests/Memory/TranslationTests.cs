using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Tests.Memory;

/// <summary>Sv39 and Sv48 as a program in supervisor mode sees them.</summary>
public abstract class TranslationTests(bool translate)
{
    private const ulong Root = MemoryMap.Ram + 0x10000;
    private const ulong Data = MemoryMap.Ram + 0x20000;
    private const ulong Virtual = 0x4000_0000;
    private const ulong ReadWrite = Pte.Valid | Pte.Readable | Pte.Writable;

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    public void Load_ThroughATableOfPages_ReadsThePhysicalPage(int scheme)
    {
        using Board board = Supervisor(scheme, ReadWrite | Pte.Accessed | Pte.Dirty, new Asm().I(Op.Ld, 6, 5, 8));
        board.Memory(Data + 8) = 0x1234;
        board.Run(1);
        board[6].ShouldBe(0x1234UL);
    }

    [Fact]
    public void Store_ToACleanPage_SetsAccessedAndDirty()
    {
        using Board board = Supervisor(8, ReadWrite, new Asm().S(Op.Sd, 5, 5, 0));
        board.Run(1);
        board.Memory(Data).ShouldBe(Virtual);
        (LeafEntry(board, 8) & (Pte.Accessed | Pte.Dirty)).ShouldBe(Pte.Accessed | Pte.Dirty);
    }

    [Fact]
    public void Load_OfACleanPage_SetsAccessedOnly()
    {
        using Board board = Supervisor(8, ReadWrite, new Asm().I(Op.Ld, 6, 5, 0));
        board.Run(1);
        (LeafEntry(board, 8) & (Pte.Accessed | Pte.Dirty)).ShouldBe(Pte.Accessed);
    }

    [Theory]
    [InlineData(Pte.Valid | Pte.Readable, TrapCause.StorePageFault)]
    [InlineData(Pte.Readable | Pte.Writable, TrapCause.StorePageFault)]
    [InlineData(Pte.Valid | Pte.Writable, TrapCause.StorePageFault)]
    [InlineData(ReadWrite | Pte.User, TrapCause.StorePageFault)]
    [InlineData(ReadWrite | 1UL << 60, TrapCause.StorePageFault)]
    public void Store_ThatTheEntryForbids_FaultsWithTheVirtualAddress(ulong bits, object cause)
    {
        using Board board = Supervisor(8, bits, new Asm().S(Op.Sd, 0, 5, 16));
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)(TrapCause)cause);
        board.Hart.Csrs.Mtval.ShouldBe(Virtual + 16);
    }

    [Fact]
    public void Load_OfAUsersPage_NeedsSum()
    {
        using Board board = Supervisor(8, ReadWrite | Pte.User, new Asm().I(Op.Ld, 6, 5, 0));
        board.Hart.Csrs.Status |= Mstatus.Sum;
        board.Memory(Data) = 77;
        board.Run(1);
        board[6].ShouldBe(77UL);
    }

    [Fact]
    public void Load_OfAnExecutablePage_NeedsMxr()
    {
        using Board board = Supervisor(8, Pte.Valid | Pte.Executable, new Asm().I(Op.Ld, 6, 5, 0).I(Op.Ld, 7, 5, 0));
        board.Memory(Data) = 5;
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)TrapCause.LoadPageFault);
        EnterSupervisor(board);
        board.Hart.Csrs.Status |= Mstatus.Mxr;
        board.Run(1);
        board[6].ShouldBe(5UL);
    }

    [Fact]
    public void Address_ThatIsNotCanonical_Faults()
    {
        using Board board = Supervisor(8, ReadWrite, new Asm().I(Op.Ld, 6, 5, 0));
        board[5] = Virtual | 1UL << 50;
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)TrapCause.LoadPageFault);
    }

    [Fact]
    public void Table_ThatPointsAtItself_FaultsAndDoesNotHang()
    {
        using Board board = Supervisor(9, ReadWrite, new Asm().I(Op.Ld, 6, 5, 0));
        for (ulong entry = 0; entry < 512; entry++)
        {
            board.Memory(Root + entry * 8) = Root >> 12 << 10 | Pte.Valid;
        }

        board.Hart.Tlb.FlushAll();
        board.Run(1);
        board.Hart.Csrs.Mcause.ShouldBe((ulong)TrapCause.InstructionPageFault);
    }

    [Fact]
    public void Mapping_ChangedAndFenced_IsSeen()
    {
        var program = new Asm().I(Op.Ld, 6, 5, 0).S(Op.Sd, 8, 9, 0).R(Op.SfenceVma, 0, 5, 0).I(Op.Ld, 7, 5, 0);
        using Board board = Supervisor(8, ReadWrite | Pte.Accessed | Pte.Dirty, program);
        (board.Memory(Data), board.Memory(Data + 0x1000)) = (1, 2);

        // The page table is reached through an identity mapping of the gigabyte of memory.
        board[8] = LeafEntry(board, 8) + (1UL << 10);
        board[9] = Root + 0x2000;
        board.Run(4);
        board[6].ShouldBe(1UL);
        board[7].ShouldBe(2UL);
    }

    /// <summary>A board in supervisor mode with x5 = the virtual address of the data page, whose entry has the bits given.</summary>
    private Board Supervisor(int scheme, ulong bits, Asm program)
    {
        var board = new Board(program.Build(), translate);
        ulong table = Root;
        if (scheme == 9)
        {
            // The level above: everything used lies in its first entry.
            table = Root + 0x3000;
            board.Memory(Root) = table >> 12 << 10 | Pte.Valid;
        }

        // Memory is mapped to itself by a superpage, so that the program runs.
        board.Memory(table + (MemoryMap.Ram >> 30) * 8) = MemoryMap.Ram >> 12 << 10 | ReadWrite | Pte.Executable | Pte.Accessed | Pte.Dirty;
        board.Memory(table + (Virtual >> 30) * 8) = (Root + 0x1000) >> 12 << 10 | Pte.Valid;
        board.Memory(Root + 0x1000) = (Root + 0x2000) >> 12 << 10 | Pte.Valid;
        board.Memory(Root + 0x2000) = Data >> 12 << 10 | bits;
        CsrFile csrs = board.Hart.Csrs;
        csrs.TryWrite((int)CsrAddress.Pmpaddr0, ulong.MaxValue).ShouldBeTrue();
        csrs.TryWrite((int)CsrAddress.Pmpcfg0, 0x1F).ShouldBeTrue();
        csrs.TryWrite((int)CsrAddress.Mtvec, MemoryMap.Ram + 0x400).ShouldBeTrue();
        csrs.TryWrite((int)CsrAddress.Satp, (ulong)scheme << 60 | Root >> 12).ShouldBeTrue();
        board[5] = Virtual;
        EnterSupervisor(board);
        return board;
    }

    /// <summary>Enters supervisor mode at the program's start, by an MRET that lies past it.</summary>
    private static void EnterSupervisor(Board board)
    {
        const ulong Gate = MemoryMap.Ram + 0x300;
        board.Machine.Ram.Write(Gate, [0x73, 0x00, 0x20, 0x30]);
        board.Hart.Csrs.Mepc = MemoryMap.Ram;
        board.Hart.Csrs.Status = board.Hart.Csrs.Status & ~Mstatus.Mpp | (ulong)PrivilegeMode.Supervisor << Mstatus.MppShift;
        board.Pc = Gate;
        board.Run(1);
        board.Hart.Mode.ShouldBe(PrivilegeMode.Supervisor);
    }

    private static ulong LeafEntry(Board board, int scheme) => scheme == 8 ? board.Memory(Root + 0x2000) : 0;
}

public sealed class TranslationInterpretedTests() : TranslationTests(false);

public sealed class TranslationTranslatedTests() : TranslationTests(true);
