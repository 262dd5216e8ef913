using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

// Loads and stores with the TLB's check in line; what it does not hold, the handler does.
internal sealed unsafe partial class BlockTranslator
{
    private static ReadOnlySpan<byte> LoadByteSigned => [0x0F, 0xBE];

    private static ReadOnlySpan<byte> LoadHalfSigned => [0x0F, 0xBF];

    private static ReadOnlySpan<byte> LoadWordSigned => [0x63];

    private static ReadOnlySpan<byte> LoadPlain => [0x8B];

    private static ReadOnlySpan<byte> LoadByte => [0x0F, 0xB6];

    private static ReadOnlySpan<byte> LoadHalf => [0x0F, 0xB7];

    private static ReadOnlySpan<byte> StoreByte => [0x88];

    private static ReadOnlySpan<byte> StorePlain => [0x89];

    private bool EmitMemory(Instruction i)
    {
        switch (i.Op)
        {
            case Op.Lb:
                return Load(i, 0, LoadByteSigned, wide: true);
            case Op.Lh:
                return Load(i, 1, LoadHalfSigned, wide: true);
            case Op.Lw:
                return Load(i, 3, LoadWordSigned, wide: true);
            case Op.Ld:
                return Load(i, 7, LoadPlain, wide: true);
            case Op.Lbu:
                return Load(i, 0, LoadByte, wide: false);
            case Op.Lhu:
                return Load(i, 1, LoadHalf, wide: false);
            case Op.Lwu:
                return Load(i, 3, LoadPlain, wide: false);
            case Op.Sb:
                return Store(i, 0, StoreByte, wide: false);
            case Op.Sh:
                return Store(i, 1, StorePlain, wide: false);
            case Op.Sw:
                return Store(i, 3, StorePlain, wide: false);
            case Op.Sd:
                return Store(i, 7, StorePlain, wide: true);
            case Op.Flw or Op.Fld:
                return LoadFloat(i);
            case Op.Fsw or Op.Fsd:
                return StoreFloat(i);
            default:
                return false;
        }
    }

    private bool Load(Instruction i, int alignment, ReadOnlySpan<byte> opcode, bool wide)
    {
        int miss = Probe(i, StateOffsets.ReadTlb, alignment);
        X64 to = Target(i.Rd, X64.Rax);
        _emit.Indexed(opcode, to, X64.Rax, X64.Rcx, wide);
        Put(i.Rd, to);
        StepOn([miss]);
        return true;
    }

    private bool Store(Instruction i, int alignment, ReadOnlySpan<byte> opcode, bool wide)
    {
        int miss = Probe(i, StateOffsets.WriteTlb, alignment);
        _emit.Indexed(opcode, Get(i.Rs2, X64.Rdx), X64.Rax, X64.Rcx, wide, operandSize: alignment == 1, byteRegister: alignment == 0);
        StepOn([miss]);
        return true;
    }

    private bool LoadFloat(Instruction i)
    {
        int off = FloatIsOff();
        bool single = i.Op == Op.Flw;
        int miss = Probe(i, StateOffsets.ReadTlb, single ? 3 : 7);
        _emit.Indexed(LoadPlain, X64.Rax, X64.Rax, X64.Rcx, wide: !single);
        if (single)
        {
            _emit.Store32(State, GuestRegisters.FloatOffsetOf(i.Rd), X64.Rax);
            _emit.StoreConstant32(State, GuestRegisters.FloatOffsetOf(i.Rd) + sizeof(uint), -1);
        }
        else
        {
            _emit.Store(State, GuestRegisters.FloatOffsetOf(i.Rd), X64.Rax);
        }

        StepOn([off, miss]);
        return true;
    }

    private bool StoreFloat(Instruction i)
    {
        int off = FloatIsOff();
        bool single = i.Op == Op.Fsw;
        int miss = Probe(i, StateOffsets.WriteTlb, single ? 3 : 7);
        _emit.Load(X64.Rdx, State, GuestRegisters.FloatOffsetOf(i.Rs2));
        _emit.Indexed(StorePlain, X64.Rdx, X64.Rax, X64.Rcx, wide: !single);
        StepOn([off, miss]);
        return true;
    }

    /// <summary>
    /// Looks an address up: it is in RAX, and what to add to it in RCX; the jump that is returned is taken where it is not held.
    /// </summary>
    private int Probe(Instruction i, int tlb, int alignment)
    {
        if (GuestRegisters.IsPinned(i.Rs1, out X64 register))
        {
            _emit.LoadAddress(X64.Rax, register, i.Immediate);
        }
        else
        {
            Copy(X64.Rax, i.Rs1);
            if (i.Immediate != 0)
            {
                _emit.AluConstant(X64Alu.Add, X64.Rax, i.Immediate);
            }
        }

        // The index times the entry's 16 bytes.
        _emit.Move32(X64.Rcx, X64.Rax);
        _emit.ShiftConstant(X64Shift.Right, X64.Rcx, 12 - 4, wide: false);
        _emit.AluConstant(X64Alu.And, X64.Rcx, (Tlb.EntriesPerSet - 1) << 4, wide: false);
        _emit.AluMemory(X64Alu.Add, X64.Rcx, State, tlb);
        _emit.Move(X64.Rdx, X64.Rax);
        _emit.AluConstant(X64Alu.And, X64.Rdx, ~0xFFF | alignment);
        _emit.AluMemory(X64Alu.Compare, X64.Rdx, X64.Rcx, 0);
        int miss = _emit.Jump(X64Condition.NotEqual);
        _emit.Load(X64.Rcx, X64.Rcx, sizeof(ulong));
        return miss;
    }

    private int FloatIsOff()
    {
        _emit.AluMemoryConstant32(X64Alu.Compare, State, StateOffsets.FloatStatus, (int)FloatRegisters.Dirty);
        return _emit.Jump(X64Condition.NotEqual);
    }
}
