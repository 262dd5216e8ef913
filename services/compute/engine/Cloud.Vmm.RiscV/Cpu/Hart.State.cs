using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Cpu;

// What the hart is, kept and taken in. TLBs and decoded code are not of it: they are made anew. Neither is LR's reservation: SC may fail.
internal sealed unsafe partial class Hart
{
    private const int XRegisters = 32;
    private const int FRegisters = 32;

    /// <summary>Writes the hart; it does not run.</summary>
    internal void Save(StateWriter state)
    {
        state.Doubles(new ReadOnlySpan<ulong>(State->X, XRegisters));
        state.Doubles(new ReadOnlySpan<ulong>(State->F, FRegisters));
        state.U64(State->Pc);
        state.U32(State->FloatStatus);
        state.U32(State->FloatRounding);
        state.U32(State->FloatFlags);
        state.U8((byte)Mode);
        state.Flag(Waiting);
        state.U64(Retired);
        Csrs.Save(state);
        Pmp.Save(state);
    }

    /// <summary>Takes in a hart; it does not run.</summary>
    /// <exception cref="InvalidDataException">A value is none that a hart can have.</exception>
    internal void Load(StateReader state)
    {
        Reset(0);
        state.Doubles(new Span<ulong>(State->X, XRegisters));
        state.Doubles(new Span<ulong>(State->F, FRegisters));
        State->X[0] = 0;
        State->Pc = state.U64() & ~1UL;
        State->FloatStatus = state.U32() & 3;
        State->FloatRounding = state.U32() & 7;
        State->FloatFlags = state.U32() & 31;
        Mode = state.U8() switch
        {
            0 => PrivilegeMode.User,
            1 => PrivilegeMode.Supervisor,
            3 => PrivilegeMode.Machine,
            _ => throw new InvalidDataException("The state has a hart in a mode that does not exist."),
        };
        Waiting = state.Flag();
        Retired = state.U64();
        Csrs.Load(state);
        Pmp.Load(state);
        ContextChanged();
        InterruptsChanged();
    }
}
