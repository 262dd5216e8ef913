using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

// Branches and jumps. Within a page by the page's table of entries, which is all that has to change when a block is made or forgotten.
internal sealed unsafe partial class BlockTranslator
{
    private bool EmitBranch(Instruction i)
    {
        X64Condition condition;
        switch (i.Op)
        {
            case Op.Beq:
                condition = X64Condition.Equal;
                break;
            case Op.Bne:
                condition = X64Condition.NotEqual;
                break;
            case Op.Blt:
                condition = X64Condition.Less;
                break;
            case Op.Bge:
                condition = X64Condition.GreaterOrEqual;
                break;
            case Op.Bltu:
                condition = X64Condition.Below;
                break;
            case Op.Bgeu:
                condition = X64Condition.AboveOrEqual;
                break;
            default:
                return false;
        }

        X64 first = Get(i.Rs1, X64.Rax);
        if (i.Rs2 == 0)
        {
            _emit.AluConstant(X64Alu.Compare, first, 0);
        }
        else
        {
            _emit.Alu(X64Alu.Compare, first, Get(i.Rs2, X64.Rcx));
        }

        int target = _offset + i.Immediate;
        bool within = target is >= 0 and < PageSize;
        _exits.Add(new Exit([_emit.Jump(condition)], target, _instructions.Count - _index - 1, -1, within ? target : -1));
        return true;
    }

    private void Link(Instruction i)
    {
        if (i.Rd != 0)
        {
            X64 to = Target(i.Rd, X64.Rax);
            _emit.Load(to, State, StateOffsets.PageAddress);
            _emit.AluConstant(X64Alu.Add, to, _offset + i.Length);
            Put(i.Rd, to);
        }
    }

    private void JumpRegister(Instruction i)
    {
        Copy(X64.Rax, i.Rs1);
        if (i.Immediate != 0)
        {
            _emit.AluConstant(X64Alu.Add, X64.Rax, i.Immediate);
        }

        _emit.AluConstant(X64Alu.And, X64.Rax, -2);
        if (i.Rd != 0)
        {
            _emit.Load(X64.Rcx, State, StateOffsets.PageAddress);
            _emit.AluConstant(X64Alu.Add, X64.Rcx, _offset + i.Length);
            Put(i.Rd, X64.Rcx);
        }

        JumpOut();
    }

    /// <summary>Goes to an offset relative to the page: within it, or out.</summary>
    private void JumpWithinOrOut(int target)
    {
        if (target is >= 0 and < PageSize)
        {
            if (target == _blockOffset)
            {
                _emit.JumpTo(_blockStart);
                return;
            }

            _emit.LoadAbsolute32(X64.Rcx, (nint)(_entries + target / 2));
            _emit.JumpRegister(X64.Rcx);
            return;
        }

        _emit.Load(X64.Rax, State, StateOffsets.PageAddress);
        _emit.AluConstant(X64Alu.Add, X64.Rax, target);
        JumpOut();
    }

    /// <summary>Goes to the address in RAX by the fetch TLB.</summary>
    private void JumpOut()
    {
        // The index times the entry's 32 bytes.
        _emit.Move(X64.Rcx, X64.Rax);
        _emit.ShiftConstant(X64Shift.Right, X64.Rcx, 12 - 5, wide: false);
        _emit.AluConstant(X64Alu.And, X64.Rcx, (Tlb.EntriesPerSet - 1) << 5, wide: false);
        _emit.AluMemory(X64Alu.Add, X64.Rcx, State, StateOffsets.FetchTlb);
        _emit.Move(X64.Rdx, X64.Rax);
        _emit.AluConstant(X64Alu.And, X64.Rdx, ~0xFFF);
        _emit.AluMemory(X64Alu.Compare, X64.Rdx, X64.Rcx, 0);
        _emit.JumpTo(X64Condition.NotEqual, _leaveForLookup);
        _emit.Store(State, StateOffsets.PageAddress, X64.Rdx);
        _emit.Load(X64.Rcx, X64.Rcx, 24);
        _emit.AluConstant(X64Alu.And, X64.Rax, 0xFFF, wide: false);

        // mov eax, [rcx + rax * 2]
        _emit.Bytes(0x8B, 0x04, 0x41);
        _emit.JumpRegister(X64.Rax);
    }
}
