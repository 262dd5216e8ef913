using System.Runtime.Intrinsics.X86;
using Cloud.Vmm.RiscV.Float;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Jit;

// Floating point by SSE: MXCSR rounds and gathers flags as fcsr does, tininess is detected after rounding by both. Where a NaN comes out, a
// single is
// not boxed, or the rounding mode is not MXCSR's, the handler does it (again): till then nothing but the invalid flag, rightly, can have
// been raised.
internal sealed unsafe partial class BlockTranslator
{
    private const int DoublePrefix = 0xF2;
    private const int SinglePrefix = 0xF3;
    private const int DynamicRounding = 7;
    private const int Xmm0 = 0;
    private const int Xmm1 = 1;
    private const int Xmm2 = 2;

    private readonly List<int> _slow = [];

    private bool EmitFloat(Instruction i)
    {
        _slow.Clear();
        switch (i.Op)
        {
            case Op.FaddD or Op.FaddS:
                return Arithmetic(i, 0x58);
            case Op.FmulD or Op.FmulS:
                return Arithmetic(i, 0x59);
            case Op.FsubD or Op.FsubS:
                return Arithmetic(i, 0x5C);
            case Op.FdivD or Op.FdivS:
                return Arithmetic(i, 0x5E);
            case Op.FsqrtD or Op.FsqrtS:
                return SquareRoot(i);
            case Op.FmaddD or Op.FmaddS:
                return Fused(i, 0xA9);
            case Op.FmsubD or Op.FmsubS:
                return Fused(i, 0xAB);
            case Op.FnmsubD or Op.FnmsubS:
                return Fused(i, 0xAD);
            case Op.FnmaddD or Op.FnmaddS:
                return Fused(i, 0xAF);
            case Op.FeqD or Op.FeqS or Op.FltD or Op.FltS or Op.FleD or Op.FleS:
                return CompareFloat(i);
            case Op.FsgnjD or Op.FsgnjnD or Op.FsgnjxD or Op.FsgnjS or Op.FsgnjnS or Op.FsgnjxS:
                return SignInject(i);
            default:
                return EmitConversion(i);
        }
    }

    private bool EmitConversion(Instruction i)
    {
        switch (i.Op)
        {
            case Op.FmvXD or Op.FmvXW:
                Require(IsDouble(i.Op), []);
                _emit.Load(X64.Rax, State, GuestRegisters.FloatOffsetOf(i.Rs1));
                if (i.Op == Op.FmvXW)
                {
                    _emit.ExtendWord(X64.Rax, X64.Rax);
                }

                Put(i.Rd, X64.Rax);
                return Slow();
            case Op.FmvDX or Op.FmvWX:
                Require(doublePrecision: true, []);
                PutFloat(i.Rd, Get(i.Rs1, X64.Rax), i.Op == Op.FmvDX);
                return Slow();
            case Op.FcvtDW or Op.FcvtDL or Op.FcvtDWu or Op.FcvtSW or Op.FcvtSL or Op.FcvtSWu:
                return FromInteger(i);
            case Op.FcvtWD or Op.FcvtLD or Op.FcvtWS or Op.FcvtLS:
                return ToInteger(i);
            case Op.FcvtSD or Op.FcvtDS:
                return Convert(i);
            default:
                return false;
        }
    }

    private bool Arithmetic(Instruction i, int opcode)
    {
        bool isDouble = IsDouble(i.Op);
        if (!RequireRounding(i, isDouble, [i.Rs1, i.Rs2]))
        {
            return false;
        }

        LoadXmm(Xmm0, i.Rs1, isDouble);
        _emit.Memory0F(opcode, (X64)Xmm0, State, GuestRegisters.FloatOffsetOf(i.Rs2), wide: false, PrefixOf(isDouble));
        return StoreResult(i, isDouble);
    }

    private bool SquareRoot(Instruction i)
    {
        bool isDouble = IsDouble(i.Op);
        if (!RequireRounding(i, isDouble, [i.Rs1]))
        {
            return false;
        }

        _emit.Memory0F(0x51, (X64)Xmm0, State, GuestRegisters.FloatOffsetOf(i.Rs1), wide: false, PrefixOf(isDouble));
        return StoreResult(i, isDouble);
    }

    private bool Fused(Instruction i, int opcode)
    {
        bool isDouble = IsDouble(i.Op);
        if (!Fma.IsSupported || !RequireRounding(i, isDouble, [i.Rs1, i.Rs2, i.Rs3]))
        {
            return false;
        }

        LoadXmm(Xmm0, i.Rs1, isDouble);
        LoadXmm(Xmm1, i.Rs2, isDouble);
        LoadXmm(Xmm2, i.Rs3, isDouble);
        _emit.Fused(opcode, Xmm0, Xmm1, Xmm2, isDouble);
        return StoreResult(i, isDouble);
    }

    private bool CompareFloat(Instruction i)
    {
        bool isDouble = IsDouble(i.Op);
        Require(isDouble, [i.Rs1, i.Rs2]);
        bool equal = i.Op is Op.FeqD or Op.FeqS;
        bool less = i.Op is Op.FltD or Op.FltS;

        // ucomis for equality, where a quiet NaN is no error; comis the other way round for the orders, so that unordered is false.
        LoadXmm(Xmm0, equal ? i.Rs1 : i.Rs2, isDouble);
        int second = GuestRegisters.FloatOffsetOf(equal ? i.Rs2 : i.Rs1);
        _emit.Memory0F(equal ? 0x2E : 0x2F, (X64)Xmm0, State, second, wide: false, isDouble ? 0x66 : 0);
        if (equal)
        {
            _emit.Set(X64Condition.NotParity, X64.Rcx, keepFlags: true);
            _emit.Set(X64Condition.Equal, X64.Rax, keepFlags: true);
            _emit.Alu(X64Alu.And, X64.Rax, X64.Rcx, wide: false);
            _emit.Register0F(0xB6, X64.Rax, X64.Rax, wide: false);
        }
        else
        {
            _emit.Set(less ? X64Condition.Above : X64Condition.AboveOrEqual, X64.Rax);
        }

        Put(i.Rd, X64.Rax);
        return Slow();
    }

    private bool SignInject(Instruction i)
    {
        bool isDouble = IsDouble(i.Op);
        Require(isDouble, [i.Rs1, i.Rs2]);
        _emit.Load(X64.Rax, State, GuestRegisters.FloatOffsetOf(i.Rs1));
        _emit.Load(X64.Rcx, State, GuestRegisters.FloatOffsetOf(i.Rs2));
        _emit.Constant(X64.Rdx, isDouble ? long.MinValue : 0x80000000L);
        if (i.Op is Op.FsgnjnD or Op.FsgnjnS)
        {
            _emit.Unary(2, X64.Rcx);
        }

        _emit.Alu(X64Alu.And, X64.Rcx, X64.Rdx);
        if (i.Op is not (Op.FsgnjxD or Op.FsgnjxS))
        {
            _emit.Unary(2, X64.Rdx);
            _emit.Alu(X64Alu.And, X64.Rax, X64.Rdx);
        }

        _emit.Alu(X64Alu.Xor, X64.Rax, X64.Rcx);
        PutFloat(i.Rd, X64.Rax, isDouble);
        return Slow();
    }

    private bool FromInteger(Instruction i)
    {
        bool isDouble = IsDouble(i.Op);
        if (!RequireRounding(i, doublePrecision: true, []))
        {
            return false;
        }

        // An unsigned word is a positive doubleword.
        bool unsignedWord = i.Op is Op.FcvtDWu or Op.FcvtSWu;
        X64 from = Get(i.Rs1, X64.Rax);
        if (unsignedWord)
        {
            _emit.Move32(X64.Rax, from);
            from = X64.Rax;
        }

        bool wide = unsignedWord || i.Op is Op.FcvtDL or Op.FcvtSL;
        _emit.Register0F(0x2A, (X64)Xmm0, from, wide, PrefixOf(isDouble));
        return StoreResult(i, isDouble);
    }

    private bool ToInteger(Instruction i)
    {
        bool isDouble = IsDouble(i.Op);
        bool truncates = i.Rounding == SoftFloat.TowardZero;
        if (truncates)
        {
            Require(isDouble, [i.Rs1]);
        }
        else if (!RequireRounding(i, isDouble, [i.Rs1]))
        {
            return false;
        }

        bool wide = i.Op is Op.FcvtLD or Op.FcvtLS;
        int offset = GuestRegisters.FloatOffsetOf(i.Rs1);
        _emit.Memory0F(truncates ? 0x2C : 0x2D, X64.Rax, State, offset, wide, PrefixOf(isDouble));

        // The lowest integer is also what an invalid operation gives.
        _emit.Constant(X64.Rcx, wide ? long.MinValue : 0x80000000L);
        _emit.Alu(X64Alu.Compare, X64.Rax, X64.Rcx);
        _slow.Add(_emit.Jump(X64Condition.Equal));
        if (!wide)
        {
            _emit.ExtendWord(X64.Rax, X64.Rax);
        }

        Put(i.Rd, X64.Rax);
        return Slow();
    }

    private bool Convert(Instruction i)
    {
        bool toDouble = i.Op == Op.FcvtDS;
        if (!RequireRounding(i, !toDouble, [i.Rs1]))
        {
            return false;
        }

        _emit.Memory0F(0x5A, (X64)Xmm0, State, GuestRegisters.FloatOffsetOf(i.Rs1), wide: false, PrefixOf(!toDouble));
        return StoreResult(i, toDouble);
    }

    /// <summary>Leaves for the handler where floating point is off or a single is not boxed.</summary>
    private void Require(bool doublePrecision, ReadOnlySpan<byte> singles)
    {
        _slow.Add(FloatIsOff());
        foreach (byte register in doublePrecision ? [] : singles)
        {
            _emit.AluMemoryConstant32(X64Alu.Compare, State, GuestRegisters.FloatOffsetOf(register) + sizeof(uint), -1);
            _slow.Add(_emit.Jump(X64Condition.NotEqual));
        }
    }

    /// <summary>And where MXCSR does not round as the instruction wants; false where it never does.</summary>
    private bool RequireRounding(Instruction i, bool doublePrecision, ReadOnlySpan<byte> singles)
    {
        if (i.Rounding == SoftFloat.NearestMaxMagnitude)
        {
            return false;
        }

        Require(doublePrecision, singles);
        bool dynamic = i.Rounding == DynamicRounding;
        _emit.AluMemoryConstant32(X64Alu.Compare, State, StateOffsets.FloatRounding, dynamic ? SoftFloat.Up : i.Rounding);
        _slow.Add(_emit.Jump(dynamic ? X64Condition.Above : X64Condition.NotEqual));
        return true;
    }

    /// <summary>Stores XMM0 to rd, unless it is a NaN.</summary>
    private bool StoreResult(Instruction i, bool isDouble)
    {
        _emit.Register0F(0x2E, (X64)Xmm0, (X64)Xmm0, wide: false, isDouble ? 0x66 : 0);
        _slow.Add(_emit.Jump(X64Condition.Parity));
        _emit.Memory0F(0x11, (X64)Xmm0, State, GuestRegisters.FloatOffsetOf(i.Rd), wide: false, PrefixOf(isDouble));
        if (!isDouble)
        {
            _emit.StoreConstant32(State, GuestRegisters.FloatOffsetOf(i.Rd) + sizeof(uint), -1);
        }

        return Slow();
    }

    private void PutFloat(int register, X64 from, bool isDouble)
    {
        if (isDouble)
        {
            _emit.Store(State, GuestRegisters.FloatOffsetOf(register), from);
            return;
        }

        _emit.Store32(State, GuestRegisters.FloatOffsetOf(register), from);
        _emit.StoreConstant32(State, GuestRegisters.FloatOffsetOf(register) + sizeof(uint), -1);
    }

    private void LoadXmm(int xmm, int register, bool isDouble) =>
        _emit.Memory0F(0x10, (X64)xmm, State, GuestRegisters.FloatOffsetOf(register), wide: false, PrefixOf(isDouble));

    private bool Slow()
    {
        StepOn(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_slow));
        return true;
    }

    private static int PrefixOf(bool isDouble) => isDouble ? DoublePrefix : SinglePrefix;

    /// <summary>Whether the operation's format is double; of a conversion from an integer the result's.</summary>
    private static bool IsDouble(Op op) => op is >= Op.FmaddD and <= Op.FmvDX && op != Op.FcvtSD || op == Op.FcvtDS;
}
