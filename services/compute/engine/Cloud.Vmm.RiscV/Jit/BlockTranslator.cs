using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// Translates a block: the instructions from one on, over branches that are not taken, up to a jump, the page's end, or one that changes
/// what the
/// block was made by. The code holds no virtual address, so it serves every mapping of its page.
/// </summary>
internal sealed unsafe partial class BlockTranslator
{
    // A block of so many instructions; each takes some 40 to 120 bytes.
    private const int InstructionsMax = 64;
    private const int BlockBytesMax = 32 * 1024;
    private const int PageSize = 4096;
    private const X64 State = X64.Rbp;

    // In a register: a loop takes from it, and where it branches gives back, each time around.
    private const X64 Budget = X64.Rdi;

    private readonly Emitter _emit;
    private readonly ExecutableMemory _memory;
    private readonly List<Exit> _exits = [];
    private readonly List<Instruction> _instructions = [];
    private uint* _entries;
    private int _offset;
    private int _index;
    private int _blockOffset;
    private int _blockStart;
    private readonly int _start;

    internal BlockTranslator(ExecutableMemory memory)
    {
        _memory = memory;
        _emit = new Emitter(memory);
        EmitFrame();
        _start = _emit.Position;
    }

    /// <summary>Enters translated code: takes the state and where to go, gives a <see cref="LeaveReason"/>.</summary>
    internal delegate* unmanaged[SuppressGCTransition]<void*, nint, int> Enter { get; private set; }

    /// <summary>What the entry of a halfword that has no block leads to, given the halfword's number.</summary>
    internal nint Untranslated(int index) => _untranslated + index * UntranslatedSize;

    /// <summary>Whether there is room for a block; without, <see cref="Clear"/> makes it.</summary>
    internal bool HasRoom => _emit.Position + BlockBytesMax <= _memory.Size;

    /// <summary>Forgets every block; none runs, and no entry may lead to one any more.</summary>
    internal void Clear() => _emit.Position = _start;

    /// <summary>Translates the block at an offset in a page and returns its entry.</summary>
    /// <param name="page">The page's bytes.</param>
    /// <param name="entries">The page's entry points, by which its blocks find one another.</param>
    /// <param name="mark">Told of each halfword before it is read.</param>
    internal nint Translate(byte* page, uint* entries, int offset, Action<nint> mark)
    {
        _entries = entries;
        _blockOffset = offset;
        Decode(page, offset, mark);
        nint address = _emit.Address;
        _blockStart = _emit.Position;
        _exits.Clear();
        _emit.AluConstant(X64Alu.Sub, Budget, _instructions.Count, wide: false);
        int exhausted = _emit.Jump(X64Condition.Sign);
        _offset = offset;
        bool open = true;
        for (_index = 0; _index < _instructions.Count; _index++)
        {
            open = Emit(_instructions[_index]);
            _offset += _instructions[_index].Length;
        }

        if (open)
        {
            JumpWithinOrOut(_offset);
        }

        _emit.Land(exhausted);
        LeaveAt(_leaveForBudget, offset, _instructions.Count, resume: -1);
        EmitExits();
        return address;
    }

    private void Decode(byte* page, int offset, Action<nint> mark)
    {
        _instructions.Clear();
        while (_instructions.Count < InstructionsMax)
        {
            mark((nint)(page + offset));
            ushort low = *(ushort*)(page + offset);
            bool full = (low & 3) == 3;
            if (full && offset == PageSize - 2)
            {
                // Its other half is on the next page: the interpreter runs it.
                _instructions.Add(new Instruction(Op.Illegal, 0, 0, 0, 0, 0, 0, 4, low));
                return;
            }

            Instruction instruction = Decoder.Decode(full ? low | (uint)*(ushort*)(page + offset + 2) << 16 : low);
            _instructions.Add(instruction);
            offset += instruction.Length;
            if (Ends(instruction.Op) || offset >= PageSize)
            {
                return;
            }
        }
    }

    /// <summary>Whether what follows cannot be reached by going on.</summary>
    private static bool Ends(Op op) => op is Op.Jal or Op.Jalr or Op.Illegal or Op.Ecall or Op.Ebreak or Op.Sret or Op.Mret or Op.Wfi
        or Op.SfenceVma or Op.FenceI or Op.Csrrw or Op.Csrrs or Op.Csrrc or Op.Csrrwi or Op.Csrrsi or Op.Csrrci;

    /// <summary>Emits one instruction; false where the code after it is not reached.</summary>
    private bool Emit(Instruction i)
    {
        if (Ends(i.Op))
        {
            switch (i.Op)
            {
                case Op.Jal:
                    Link(i);
                    JumpWithinOrOut(_offset + i.Immediate);
                    break;
                case Op.Jalr:
                    JumpRegister(i);
                    break;
                default:
                    StepAndStop();
                    break;
            }

            return false;
        }

        if (!EmitInteger(i) && !EmitMultiply(i) && !EmitMemory(i) && !EmitBranch(i) && !EmitFloat(i))
        {
            StepAlways();
        }

        return true;
    }

    /// <summary>An instruction that its handler runs: the code goes on after it.</summary>
    private void StepAlways() => StepOn([_emit.Jump()]);

    private void StepAndStop() => LeaveAt(_leaveForStep, _offset, 0, resume: -1);

    /// <summary>Lets the jumps given leave for the handler of the present instruction, and come back here.</summary>
    private void StepOn(ReadOnlySpan<int> jumps) =>
        _exits.Add(new Exit([.. jumps], _offset, _instructions.Count - _index - 1, _emit.Position, -1));

    private void EmitExits()
    {
        foreach (Exit exit in _exits)
        {
            foreach (int jump in exit.Jumps)
            {
                _emit.Land(jump);
            }

            if (exit.Target >= 0)
            {
                GiveBack(exit.Remaining);
                JumpWithinOrOut(exit.Target);
                continue;
            }

            if (exit.Resume < 0)
            {
                GiveBack(exit.Remaining);
                _emit.Load(X64.Rax, State, StateOffsets.PageAddress);
                _emit.AluConstant(X64Alu.Add, X64.Rax, exit.Offset);
                JumpOut();
                continue;
            }

            LeaveAt(_leaveForStep, exit.Offset, exit.Remaining, exit.Resume);
        }
    }

    private void GiveBack(int instructions)
    {
        if (instructions != 0)
        {
            _emit.AluConstant(X64Alu.Add, Budget, instructions, wide: false);
        }
    }

    /// <summary>Leaves by a call that its <see cref="LeaveSite"/> follows.</summary>
    private void LeaveAt(int leave, int offset, int instructions, int resume)
    {
        _emit.Call(leave);
        int site = _emit.Position;
        _emit.Int(instructions << LeaveSite.InstructionsShift | offset);
        _emit.Int(resume < 0 ? 0 : resume - site);
    }

    /// <summary>The value of a guest register in a host register: its own where it is pinned, else the scratch given.</summary>
    private X64 Get(int guest, X64 scratch)
    {
        if (guest == 0)
        {
            _emit.Constant(scratch, 0);
            return scratch;
        }

        if (GuestRegisters.IsPinned(guest, out X64 host))
        {
            return host;
        }

        _emit.Load(scratch, State, GuestRegisters.OffsetOf(guest));
        return scratch;
    }

    /// <summary>The value of a guest register in the scratch register given.</summary>
    private void Copy(X64 scratch, int guest) => _emit.Move(scratch, Get(guest, scratch));

    private void Put(int guest, X64 from)
    {
        if (guest == 0)
        {
            return;
        }

        if (GuestRegisters.IsPinned(guest, out X64 host))
        {
            _emit.Move(host, from);
        }
        else
        {
            _emit.Store(State, GuestRegisters.OffsetOf(guest), from);
        }
    }

    /// <summary>Where a result is best made: the destination's own register, or the scratch given.</summary>
    private static X64 Target(int guest, X64 scratch) => guest != 0 && GuestRegisters.IsPinned(guest, out X64 host) ? host : scratch;

    /// <summary>A way out of the block, written behind it.</summary>
    /// <param name="Jumps">What comes here.</param>
    /// <param name="Offset">The instruction that was left at, or the page offset gone to.</param>
    /// <param name="Remaining">How many instructions of the block are not run.</param>
    /// <param name="Resume">The position to come back to; negative for none.</param>
    /// <param name="Target">The offset in the page, or outside of it, of a branch's target; negative where it is none within the
    /// page.</param>
    private sealed record Exit(int[] Jumps, int Offset, int Remaining, int Resume, int Target);
}
