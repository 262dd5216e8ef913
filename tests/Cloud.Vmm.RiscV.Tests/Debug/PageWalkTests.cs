using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Tests.Debug;

/// <summary>How an address is translated, as somebody outside sees it: as the hart itself does, and without a trace.</summary>
public sealed class PageWalkTests
{
    private const ulong Root = MemoryMap.Ram + 0x100000;
    private const ulong Middle = Root + 0x1000;
    private const ulong Last = Root + 0x2000;
    private const ulong Data = Root + 0x3000;
    private const ulong Address = 0x40003000;

    [Fact]
    public void Walk_InMachineMode_IsBare()
    {
        using Board board = MakeBoard();
        PageWalk walk = PageWalk.Of(board.Hart, board.Machine.Bus, Address);
        walk.Scheme.ShouldBe("bare");
        walk.Physical.ShouldBe(Address);
    }

    [Fact]
    public void Walk_InSupervisorMode_NamesEachEntry_AndSetsNoBit()
    {
        using Board board = MakeBoard();
        EnterSupervisor(board);
        PageWalk walk = PageWalk.Of(board.Hart, board.Machine.Bus, Address + 0x123);
        walk.Scheme.ShouldBe("sv39");
        walk.Physical.ShouldBe(Data + 0x123);
        walk.Steps.Select(step => step.Level).ShouldBe([2, 1, 0]);
        walk.Steps.Select(step => step.At).ShouldBe([Root + 8, Middle, Last + 24]);
        (board.Memory(Last + 24) & (Pte.Accessed | Pte.Dirty)).ShouldBe(0UL);

        // Superpage, hole, and an address that is none.
        PageWalk.Of(board.Hart, board.Machine.Bus, MemoryMap.Ram + 0x234567).Physical.ShouldBe(MemoryMap.Ram + 0x234567);
        PageWalk.Of(board.Hart, board.Machine.Bus, Address + 0x1000).ShouldSatisfyAllConditions(
            hole => hole.Physical.ShouldBeNull(), hole => hole.Steps.Count.ShouldBe(3));
        PageWalk.Of(board.Hart, board.Machine.Bus, 1UL << 60).Physical.ShouldBeNull();
    }

    private static Board MakeBoard() => new(new Asm()
        .Li(5, 8UL << 60 | Root >> 12).I(Op.Csrrw, 0, 5, 0x180)
        .Li(5, ulong.MaxValue >> 10).I(Op.Csrrw, 0, 5, 0x3B0).Li(5, 0x1F).I(Op.Csrrw, 0, 5, 0x3A0)
        .Li(5, 3UL << 11).I(Op.Csrrc, 0, 5, 0x300).Li(5, 1UL << 11).I(Op.Csrrs, 0, 5, 0x300)
        .U(Op.Auipc, 5, 0).I(Op.Addi, 5, 5, 16).I(Op.Csrrw, 0, 5, 0x341).Word(0x30200073)
        .Label("end").Jump(0, "end").Build(), translate: false);

    private static void EnterSupervisor(Board board)
    {
        board.Memory(Root + 8) = Middle >> 2 | Pte.Valid;
        board.Memory(Root + 16) = MemoryMap.Ram >> 2 | Pte.Valid | Pte.Readable | Pte.Writable | Pte.Executable;
        board.Memory(Middle) = Last >> 2 | Pte.Valid;
        board.Memory(Last + 24) = Data >> 2 | Pte.Valid | Pte.Readable | Pte.Writable;
        board.Run(200);
        board.Hart.Mode.ShouldBe(Cpu.PrivilegeMode.Supervisor);
    }
}
