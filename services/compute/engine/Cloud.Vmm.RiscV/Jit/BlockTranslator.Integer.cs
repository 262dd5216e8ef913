using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Jit;

// RV64I's arithmetic, and what of Zba, Zbb and M is short.
internal sealed unsafe partial class BlockTranslator
{
    private bool EmitInteger(Instruction i)
    {
        switch (i.Op)
        {
            case Op.Lui:
                Constant(i.Rd, i.Immediate);
                return true;
            case Op.Auipc:
                _emit.Load(X64.Rax, State, StateOffsets.PageAddress);
                _emit.AluConstant(X64Alu.Add, X64.Rax, i.Immediate + _offset);
                Put(i.Rd, X64.Rax);
                return true;
            case Op.Addi:
                AddImmediate(i);
                return true;
            case Op.Xori:
                return ByImmediate(X64Alu.Xor, i);
            case Op.Ori:
                return ByImmediate(X64Alu.Or, i);
            case Op.Andi:
                return ByImmediate(X64Alu.And, i);
            case Op.Slti:
                return CompareImmediate(i, X64Condition.Less);
            case Op.Sltiu:
                return CompareImmediate(i, X64Condition.Below);
            case Op.Addiw:
                Copy(X64.Rax, i.Rs1);
                _emit.AluConstant(X64Alu.Add, X64.Rax, i.Immediate, wide: false);
                return PutWord(i.Rd);
            case Op.Slli or Op.Srli or Op.Srai or Op.Rori:
                X64 to = Target(i.Rd, X64.Rax);
                _emit.Move(to, Get(i.Rs1, to));
                _emit.ShiftConstant(ShiftOf(i.Op), to, i.Immediate);
                Put(i.Rd, to);
                return true;
            case Op.Slliw or Op.Srliw or Op.Sraiw or Op.Roriw:
                Copy(X64.Rax, i.Rs1);
                _emit.ShiftConstant(ShiftOf(i.Op), X64.Rax, i.Immediate, wide: false);
                return PutWord(i.Rd);
            case Op.Fence:
                // mfence
                _emit.Bytes(0x0F, 0xAE, 0xF0);
                return true;
            default:
                return EmitRegister(i);
        }
    }

    private bool EmitRegister(Instruction i)
    {
        switch (i.Op)
        {
            case Op.Add:
                return ByRegister(X64Alu.Add, i);
            case Op.Sub:
                return ByRegister(X64Alu.Sub, i);
            case Op.Xor:
                return ByRegister(X64Alu.Xor, i);
            case Op.Or:
                return ByRegister(X64Alu.Or, i);
            case Op.And:
                return ByRegister(X64Alu.And, i);
            case Op.Addw or Op.Subw:
                Copy(X64.Rax, i.Rs1);
                _emit.Alu(i.Op == Op.Addw ? X64Alu.Add : X64Alu.Sub, X64.Rax, Get(i.Rs2, X64.Rcx), wide: false);
                return PutWord(i.Rd);
            case Op.Slt:
                return CompareRegister(i, X64Condition.Less);
            case Op.Sltu:
                return CompareRegister(i, X64Condition.Below);
            case Op.Sll or Op.Srl or Op.Sra or Op.Rol or Op.Ror:
                Copy(X64.Rcx, i.Rs2);
                Copy(X64.Rax, i.Rs1);
                _emit.ShiftByCount(ShiftOf(i.Op), X64.Rax);
                Put(i.Rd, X64.Rax);
                return true;
            case Op.Sllw or Op.Srlw or Op.Sraw or Op.Rolw or Op.Rorw:
                Copy(X64.Rcx, i.Rs2);
                Copy(X64.Rax, i.Rs1);
                _emit.ShiftByCount(ShiftOf(i.Op), X64.Rax, wide: false);
                return PutWord(i.Rd);
            default:
                return EmitBits(i);
        }
    }

    /// <summary>Of bit manipulation what compilers use most; the others are run by their handlers.</summary>
    private bool EmitBits(Instruction i)
    {
        switch (i.Op)
        {
            case Op.Sh1add or Op.Sh2add or Op.Sh3add:
                Copy(X64.Rax, i.Rs1);
                _emit.ShiftConstant(X64Shift.Left, X64.Rax, i.Op == Op.Sh1add ? 1 : i.Op == Op.Sh2add ? 2 : 3);
                break;
            case Op.AddUw or Op.Sh1addUw or Op.Sh2addUw or Op.Sh3addUw:
                _emit.Move32(X64.Rax, Get(i.Rs1, X64.Rax));
                _emit.ShiftConstant(X64Shift.Left, X64.Rax, i.Op == Op.AddUw ? 0 : i.Op == Op.Sh1addUw ? 1 : i.Op == Op.Sh2addUw ? 2 : 3);
                break;
            case Op.SlliUw:
                _emit.Move32(X64.Rax, Get(i.Rs1, X64.Rax));
                _emit.ShiftConstant(X64Shift.Left, X64.Rax, i.Immediate);
                Put(i.Rd, X64.Rax);
                return true;
            case Op.SextB or Op.SextH or Op.ZextH:
                X64 from = Get(i.Rs1, X64.Rax);
                int opcode = i.Op == Op.SextB ? 0xBE : i.Op == Op.SextH ? 0xBF : 0xB7;
                _emit.Register0F(opcode, X64.Rax, from, wide: true);
                Put(i.Rd, X64.Rax);
                return true;
            case Op.Andn or Op.Orn:
                Copy(X64.Rax, i.Rs2);
                _emit.Unary(2, X64.Rax);
                _emit.Alu(i.Op == Op.Andn ? X64Alu.And : X64Alu.Or, X64.Rax, Get(i.Rs1, X64.Rcx));
                Put(i.Rd, X64.Rax);
                return true;
            default:
                return false;
        }

        _emit.Alu(X64Alu.Add, X64.Rax, Get(i.Rs2, X64.Rcx));
        Put(i.Rd, X64.Rax);
        return true;
    }

    private bool EmitMultiply(Instruction i)
    {
        switch (i.Op)
        {
            case Op.Mul or Op.Mulw:
                Copy(X64.Rax, i.Rs1);
                _emit.Register0F(0xAF, X64.Rax, Get(i.Rs2, X64.Rcx), wide: i.Op == Op.Mul);
                if (i.Op == Op.Mulw)
                {
                    return PutWord(i.Rd);
                }

                Put(i.Rd, X64.Rax);
                return true;
            case Op.Mulhu or Op.Mulh:
                // The product's upper half comes in RDX.
                X64 other = Get(i.Rs2, X64.Rcx);
                Copy(X64.Rax, i.Rs1);
                _emit.Unary(i.Op == Op.Mulhu ? 4 : 5, other);
                Put(i.Rd, X64.Rdx);
                return true;
            case Op.Div or Op.Divu or Op.Rem or Op.Remu:
                Divide(i, wide: true, signed: i.Op is Op.Div or Op.Rem, remainder: i.Op is Op.Rem or Op.Remu);
                return true;
            case Op.Divw or Op.Divuw or Op.Remw or Op.Remuw:
                Divide(i, wide: false, signed: i.Op is Op.Divw or Op.Remw, remainder: i.Op is Op.Remw or Op.Remuw);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Divides; by zero, and by −1 where that may overflow, the handler does.</summary>
    private void Divide(Instruction i, bool wide, bool signed, bool remainder)
    {
        Copy(X64.Rcx, i.Rs2);
        _emit.Register(0x85, X64.Rcx, X64.Rcx, wide);
        int zero = _emit.Jump(X64Condition.Equal);
        int minusOne = 0;
        if (signed)
        {
            _emit.AluConstant(X64Alu.Compare, X64.Rcx, -1, wide);
            minusOne = _emit.Jump(X64Condition.Equal);
        }

        Copy(X64.Rax, i.Rs1);
        if (signed)
        {
            // cqo or cdq
            if (wide)
            {
                _emit.Byte(0x48);
            }

            _emit.Byte(0x99);
        }
        else
        {
            _emit.Constant(X64.Rdx, 0);
        }

        _emit.Unary(signed ? 7 : 6, X64.Rcx, wide);
        X64 result = remainder ? X64.Rdx : X64.Rax;
        if (!wide)
        {
            _emit.ExtendWord(result, result);
        }

        Put(i.Rd, result);
        StepOn(signed ? [zero, minusOne] : [zero]);
    }

    private void Constant(int guest, long value)
    {
        X64 to = Target(guest, X64.Rax);
        _emit.Constant(to, value);
        Put(guest, to);
    }

    private void AddImmediate(Instruction i)
    {
        if (i.Rs1 == 0)
        {
            Constant(i.Rd, i.Immediate);
            return;
        }

        X64 to = Target(i.Rd, X64.Rax);
        X64 from = Get(i.Rs1, to);
        if (from == to)
        {
            _emit.AluConstant(X64Alu.Add, to, i.Immediate);
        }
        else if (i.Immediate == 0)
        {
            _emit.Move(to, from);
        }
        else
        {
            _emit.LoadAddress(to, from, i.Immediate);
        }

        Put(i.Rd, to);
    }

    private bool ByImmediate(X64Alu operation, Instruction i)
    {
        X64 to = Target(i.Rd, X64.Rax);
        _emit.Move(to, Get(i.Rs1, to));
        _emit.AluConstant(operation, to, i.Immediate);
        Put(i.Rd, to);
        return true;
    }

    private bool ByRegister(X64Alu operation, Instruction i)
    {
        // In the destination's own register only where that is not the second source too.
        X64 to = i.Rd == i.Rs2 && i.Rd != i.Rs1 ? X64.Rax : Target(i.Rd, X64.Rax);
        _emit.Move(to, Get(i.Rs1, to));
        if (i.Rs2 != 0 && !GuestRegisters.IsPinned(i.Rs2, out _))
        {
            _emit.AluMemory(operation, to, State, GuestRegisters.OffsetOf(i.Rs2));
        }
        else
        {
            _emit.Alu(operation, to, Get(i.Rs2, X64.Rcx));
        }

        Put(i.Rd, to);
        return true;
    }

    private bool CompareImmediate(Instruction i, X64Condition condition)
    {
        _emit.AluConstant(X64Alu.Compare, Get(i.Rs1, X64.Rax), i.Immediate);
        _emit.Set(condition, X64.Rax);
        Put(i.Rd, X64.Rax);
        return true;
    }

    private bool CompareRegister(Instruction i, X64Condition condition)
    {
        _emit.Alu(X64Alu.Compare, Get(i.Rs1, X64.Rax), Get(i.Rs2, X64.Rcx));
        _emit.Set(condition, X64.Rax);
        Put(i.Rd, X64.Rax);
        return true;
    }

    /// <summary>Puts EAX, sign-extended.</summary>
    private bool PutWord(int guest)
    {
        X64 to = Target(guest, X64.Rax);
        _emit.ExtendWord(to, X64.Rax);
        Put(guest, to);
        return true;
    }

    private static X64Shift ShiftOf(Op op) => op switch
    {
        Op.Sll or Op.Slli or Op.Sllw or Op.Slliw => X64Shift.Left,
        Op.Srl or Op.Srli or Op.Srlw or Op.Srliw => X64Shift.Right,
        Op.Rol or Op.Rolw => X64Shift.RotateLeft,
        Op.Ror or Op.Rori or Op.Rorw or Op.Roriw => X64Shift.RotateRight,
        _ => X64Shift.ArithmeticRight,
    };
}
