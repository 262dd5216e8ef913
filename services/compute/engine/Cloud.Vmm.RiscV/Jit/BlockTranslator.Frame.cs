using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

// What every block shares: the way in and out, and the entries of what is not translated.
internal sealed unsafe partial class BlockTranslator
{
    private const int UntranslatedSize = 16;

    // System V's registers that a callee keeps, and one word to align the stack.
    private static readonly X64[] Kept = [X64.Rbx, X64.Rbp, X64.R12, X64.R13, X64.R14, X64.R15];

    private nint _untranslated;
    private int _leave;
    private int _leaveForStep;
    private int _leaveForBudget;
    private int _leaveForLookup;

    private void EmitFrame()
    {
        // Way in: rdi is the state, rsi where to go.
        nint enter = _emit.Address;
        foreach (X64 register in Kept)
        {
            Push(register);
        }

        // sub rsp, 8; the default MXCSR is kept at [rsp].
        _emit.AluConstant(X64Alu.Sub, X64.Rsp, 8);
        _emit.LoadAddress(State, X64.Rdi, StateOffsets.Bias);
        _emit.Move(X64.Rax, X64.Rsi);
        _emit.Memory0F(0xAE, (X64)3, X64.Rsp, 0, wide: false);
        _emit.Memory0F(0xAE, (X64)2, State, StateOffsets.Mxcsr, wide: false);
        foreach ((int guest, X64 host) in GuestRegisters.Pinned)
        {
            _emit.Load(host, State, GuestRegisters.OffsetOf(guest));
        }

        _emit.Load32(Budget, State, StateOffsets.Budget);
        _emit.JumpRegister(X64.Rax);
        Enter = (delegate* unmanaged[SuppressGCTransition]<void*, nint, int>)enter;

        // Way out: eax is the reason.
        _leave = _emit.Position;
        _emit.Store32(State, StateOffsets.Budget, Budget);
        foreach ((int guest, X64 host) in GuestRegisters.Pinned)
        {
            _emit.Store(State, GuestRegisters.OffsetOf(guest), host);
        }

        _emit.Memory0F(0xAE, (X64)3, State, StateOffsets.Mxcsr, wide: false);
        _emit.Memory0F(0xAE, (X64)2, X64.Rsp, 0, wide: false);
        _emit.AluConstant(X64Alu.Add, X64.Rsp, 8);
        foreach (X64 register in Kept.Reverse())
        {
            Pop(register);
        }

        _emit.Byte(0xC3);
        EmitLeaves();
        EmitUntranslated();
    }

    /// <summary>What blocks leave by: a call that a site follows, or an address in RAX that the fetch TLB does not hold.</summary>
    private void EmitLeaves()
    {
        _leaveForStep = EmitLeaveOfSite(LeaveReason.Step);
        _leaveForBudget = EmitLeaveOfSite(LeaveReason.Budget);
        _leaveForLookup = _emit.Position;
        _emit.Store(State, StateOffsets.Pc, X64.Rax);
        _emit.Constant(X64.Rax, (int)LeaveReason.Lookup);
        _emit.JumpTo(_leave);
    }

    private int EmitLeaveOfSite(LeaveReason reason)
    {
        int start = _emit.Position;
        Pop(X64.Rcx);
        _emit.Store(State, StateOffsets.Site, X64.Rcx);
        _emit.Constant(X64.Rax, (int)reason);
        _emit.JumpTo(_leave);
        return start;
    }

    /// <summary>One small entry a halfword: it tells the offset and leaves.</summary>
    private void EmitUntranslated()
    {
        int common = _emit.Position;
        _emit.Store32(State, StateOffsets.PageOffset, X64.Rcx);
        _emit.Constant(X64.Rax, (int)LeaveReason.Untranslated);
        _emit.JumpTo(_leave);
        _emit.Position = (_emit.Position + UntranslatedSize - 1) & -UntranslatedSize;
        _untranslated = _emit.Address;
        for (int index = 0; index < CodeCache.SlotsPerPage; index++)
        {
            int start = _emit.Position;
            _emit.Constant(X64.Rcx, index * 2L);
            _emit.JumpTo(common);
            _emit.Position = start + UntranslatedSize;
        }
    }

    private void Push(X64 register)
    {
        if (register >= X64.R8)
        {
            _emit.Byte(0x41);
        }

        _emit.Byte(0x50 | (int)register & 7);
    }

    private void Pop(X64 register)
    {
        if (register >= X64.R8)
        {
            _emit.Byte(0x41);
        }

        _emit.Byte(0x58 | (int)register & 7);
    }
}
