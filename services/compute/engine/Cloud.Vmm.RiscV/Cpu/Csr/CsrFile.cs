using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Cpu.Csr;

/// <summary>A hart's control and status registers: their values, who may touch them, which bits are there.</summary>
internal sealed unsafe class CsrFile(Hart hart)
{
    /// <summary>RV64 with I, M, A, F, D, C, S and U; fixed.</summary>
    private const ulong MisaValue = 2UL << 62 | 1 << ('I' - 'A') | 1 << ('M' - 'A') | 1 << 0 | 1 << ('F' - 'A') | 1 << ('D' - 'A')
        | 1 << ('C' - 'A') | 1 << ('S' - 'A') | 1 << ('U' - 'A');

    /// <summary>Every exception but the call from machine mode can be delegated.</summary>
    private const ulong DelegableExceptions = 0xB3FF;

    private const ulong CountersEnable = 7;
    private const ulong TimerEnable = 2;

    /// <summary>menvcfg.STCE: supervisor mode has a timer of its own.</summary>
    private const ulong SupervisorTimerEnable = 1UL << 63;
    private const ulong FenceOfIoImpliesMemory = 1;

    private readonly HartState* _state = hart.State;
    private ulong _mstatus = Mstatus.Lengths;
    private int _linesPending;
    private ulong _cycleOffset;
    private ulong _instretOffset;

    internal ulong Medeleg { get; private set; }

    internal ulong Mideleg { get; private set; }

    internal ulong Mie { get; private set; }

    internal ulong Mtvec { get; private set; }

    internal ulong Stvec { get; private set; }

    internal ulong Mepc { get; set; }

    internal ulong Mcause { get; set; }

    internal ulong Mtval { get; set; }

    internal ulong Sepc { get; set; }

    internal ulong Scause { get; set; }

    internal ulong Stval { get; set; }

    internal ulong Satp { get; private set; }

    internal ulong Stimecmp { get; private set; } = ulong.MaxValue;

    /// <summary>The CLINT's compare register of this hart.</summary>
    internal ulong Mtimecmp { get; set; } = ulong.MaxValue;

    /// <summary>The bits of mip that software set.</summary>
    internal ulong SoftPending { get; private set; }

    private ulong Mcounteren { get; set; }

    private ulong Scounteren { get; set; }

    private ulong Menvcfg { get; set; }

    private ulong Senvcfg { get; set; }

    private ulong Mscratch { get; set; }

    private ulong Sscratch { get; set; }

    /// <summary>Whether stimecmp drives the supervisor's timer interrupt.</summary>
    internal bool HasSupervisorTimer => (Menvcfg & SupervisorTimerEnable) != 0;

    /// <summary>mstatus with FS from the running state.</summary>
    internal ulong Status
    {
        get
        {
            ulong fs = _state->FloatStatus;
            return _mstatus & ~Mstatus.Fs | fs << Mstatus.FsShift | (fs == 3 ? Mstatus.Sd : 0);
        }

        set
        {
            ulong next = _mstatus & ~Mstatus.Writable | value & Mstatus.Writable;
            if ((next & Mstatus.Mpp) == 2UL << Mstatus.MppShift)
            {
                // Mode 2 does not exist: the field keeps its old value.
                next = next & ~Mstatus.Mpp | _mstatus & Mstatus.Mpp;
            }

            bool executableReadable = ((next ^ _mstatus) & Mstatus.Mxr) != 0;
            _mstatus = next & ~Mstatus.Fs;
            _state->FloatStatus = (uint)(value >> Mstatus.FsShift & 3);
            if (executableReadable)
            {
                hart.Tlb.FlushTranslated();
            }

            hart.ContextChanged();
        }
    }

    /// <summary>mip: what software set, the interrupt lines, and the timers.</summary>
    internal ulong Pending
    {
        get
        {
            ulong pending = SoftPending | (uint)Volatile.Read(ref _linesPending);
            ulong now = hart.Time;
            pending |= now >= Mtimecmp ? Interrupts.MachineTimer : 0;
            if (HasSupervisorTimer)
            {
                pending = pending & ~Interrupts.SupervisorTimer | (now >= Stimecmp ? Interrupts.SupervisorTimer : 0);
            }

            return pending;
        }
    }

    /// <summary>When the next timer of those enabled fires; the highest value for never.</summary>
    internal ulong NextTimer
    {
        get
        {
            ulong machine = (Mie & Interrupts.MachineTimer) != 0 ? Mtimecmp : ulong.MaxValue;
            ulong supervisor = HasSupervisorTimer && (Mie & Interrupts.SupervisorTimer) != 0 ? Stimecmp : ulong.MaxValue;
            return Math.Min(machine, supervisor);
        }
    }

    /// <summary>Raises or lowers an interrupt line; from any thread.</summary>
    internal void SetLine(ulong bit, bool high)
    {
        if (high)
        {
            Interlocked.Or(ref _linesPending, (int)bit);
        }
        else
        {
            Interlocked.And(ref _linesPending, ~(int)bit);
        }
    }

    /// <summary>Writes all registers; the hart does not run.</summary>
    internal void Save(StateWriter state)
    {
        state.U64(_mstatus);
        state.U32((uint)_linesPending);
        state.Doubles(
        [
            _cycleOffset, _instretOffset, Medeleg, Mideleg, Mie, Mtvec, Stvec, Mepc, Mcause, Mtval, Sepc, Scause, Stval, Satp, Stimecmp,
            Mtimecmp, SoftPending, Mcounteren, Scounteren, Menvcfg, Senvcfg, Mscratch, Sscratch,
        ]);
    }

    /// <summary>Takes in all registers, in the order of <see cref="Save"/>.</summary>
    internal void Load(StateReader state)
    {
        _mstatus = state.U64() & (Mstatus.Writable & ~Mstatus.Fs) | Mstatus.Lengths;
        _linesPending = (int)(state.U32() & (uint)Interrupts.All);
        _cycleOffset = state.U64();
        _instretOffset = state.U64();
        Medeleg = state.U64() & DelegableExceptions;
        Mideleg = state.U64() & Interrupts.Supervisor;
        Mie = state.U64() & Interrupts.All;
        (Mtvec, Stvec) = (state.U64(), state.U64());
        (Mepc, Mcause, Mtval) = (state.U64(), state.U64(), state.U64());
        (Sepc, Scause, Stval) = (state.U64(), state.U64(), state.U64());
        Satp = state.U64();
        (Stimecmp, Mtimecmp) = (state.U64(), state.U64());
        SoftPending = state.U64() & Interrupts.All;
        (Mcounteren, Scounteren) = (state.U64() & CountersEnable, state.U64() & CountersEnable);
        Menvcfg = state.U64() & (SupervisorTimerEnable | FenceOfIoImpliesMemory);
        Senvcfg = state.U64() & FenceOfIoImpliesMemory;
        (Mscratch, Sscratch) = (state.U64(), state.U64());
    }

    /// <summary>The value of a CSR; false where there is none or the mode may not read it.</summary>
    internal bool TryRead(int address, out ulong value)
    {
        value = 0;
        if ((address >> 8 & 3) > (int)hart.Mode || !Allowed((CsrAddress)address))
        {
            return false;
        }

        ulong? read = Peek(address);
        value = read ?? 0;
        return read is not null;
    }

    /// <summary>The value of a CSR, whoever may read it; null where there is none. The hart does not run.</summary>
    internal ulong? Peek(int address) => ReadPresent((CsrAddress)address) ?? ReadRange(address);

    /// <summary>Writes a CSR that <see cref="TryRead"/> gave; false where it is read-only.</summary>
    internal bool TryWrite(int address, ulong value)
    {
        if (address >> 10 == 3)
        {
            return false;
        }

        switch ((CsrAddress)address)
        {
            case CsrAddress.Fflags:
                SetFloat(value & 31, _state->FloatRounding);
                break;
            case CsrAddress.Frm:
                SetFloat(_state->FloatFlags, value & 7);
                break;
            case CsrAddress.Fcsr:
                SetFloat(value & 31, value >> 5 & 7);
                break;
            case CsrAddress.Sstatus:
                Status = Status & ~Mstatus.SupervisorWritable | value & Mstatus.SupervisorWritable;
                break;
            case CsrAddress.Mstatus:
                Status = value;
                break;
            case CsrAddress.Satp:
                WriteSatp(value);
                break;
            case >= CsrAddress.Pmpcfg0 and < CsrAddress.Pmpaddr0:
                hart.Pmp.WriteConfiguration(address - (int)CsrAddress.Pmpcfg0, value);
                hart.Tlb.FlushAll();
                break;
            case >= CsrAddress.Pmpaddr0 and < CsrAddress.Pmpaddr0 + 64:
                hart.Pmp.WriteAddress(address - (int)CsrAddress.Pmpaddr0, value);
                hart.Tlb.FlushAll();
                break;
            default:
                WriteTrapRegister((CsrAddress)address, value);
                break;
        }

        if (ChangesInterrupts((CsrAddress)address))
        {
            hart.InterruptsChanged();
        }

        return true;
    }

    private static bool ChangesInterrupts(CsrAddress address) => address
        is CsrAddress.Sstatus or CsrAddress.Mstatus or CsrAddress.Sie or CsrAddress.Mie or CsrAddress.Sip or CsrAddress.Mip
        or CsrAddress.Mideleg or CsrAddress.Stimecmp or CsrAddress.Menvcfg;

    private void WriteTrapRegister(CsrAddress address, ulong value)
    {
        switch (address)
        {
            case CsrAddress.Sie:
                Mie = Mie & ~Mideleg | value & Mideleg;
                break;
            case CsrAddress.Mie:
                Mie = value & Interrupts.All;
                break;
            case CsrAddress.Sip:
                SetSoft(Interrupts.SupervisorSoftware & Mideleg, value);
                break;
            case CsrAddress.Mip:
                SetSoft(Interrupts.Supervisor & ~(HasSupervisorTimer ? Interrupts.SupervisorTimer : 0), value);
                break;
            case CsrAddress.Stvec:
                Stvec = value & ~2UL;
                break;
            case CsrAddress.Mtvec:
                Mtvec = value & ~2UL;
                break;
            case CsrAddress.Sepc:
                Sepc = value & ~1UL;
                break;
            case CsrAddress.Mepc:
                Mepc = value & ~1UL;
                break;
            case CsrAddress.Medeleg:
                Medeleg = value & DelegableExceptions;
                break;
            case CsrAddress.Mideleg:
                Mideleg = value & Interrupts.Supervisor;
                break;
            default:
                WritePlain(address, value);
                break;
        }
    }

    private void WritePlain(CsrAddress address, ulong value)
    {
        switch (address)
        {
            case CsrAddress.Scounteren:
                Scounteren = value & CountersEnable;
                break;
            case CsrAddress.Mcounteren:
                Mcounteren = value & CountersEnable;
                break;
            case CsrAddress.Senvcfg:
                Senvcfg = value & FenceOfIoImpliesMemory;
                break;
            case CsrAddress.Menvcfg:
                Menvcfg = value & (SupervisorTimerEnable | FenceOfIoImpliesMemory);
                break;
            case CsrAddress.Sscratch:
                Sscratch = value;
                break;
            case CsrAddress.Mscratch:
                Mscratch = value;
                break;
            case CsrAddress.Scause:
                Scause = value;
                break;
            case CsrAddress.Mcause:
                Mcause = value;
                break;
            case CsrAddress.Stval:
                Stval = value;
                break;
            case CsrAddress.Mtval:
                Mtval = value;
                break;
            case CsrAddress.Stimecmp:
                Stimecmp = value;
                break;
            case CsrAddress.Mcycle:
                // The instruction that writes a counter does not count itself in it.
                _cycleOffset = value - hart.Retired - 1;
                break;
            case CsrAddress.Minstret:
                _instretOffset = value - hart.Retired - 1;
                break;
        }
    }

    private ulong? ReadPresent(CsrAddress address) => address switch
    {
        CsrAddress.Fflags => _state->FloatFlags,
        CsrAddress.Frm => _state->FloatRounding,
        CsrAddress.Fcsr => _state->FloatFlags | _state->FloatRounding << 5,
        CsrAddress.Cycle or CsrAddress.Mcycle => hart.Retired + _cycleOffset,
        CsrAddress.Instret or CsrAddress.Minstret => hart.Retired + _instretOffset,
        CsrAddress.Time => hart.Time,
        CsrAddress.Sstatus => Status & Mstatus.SupervisorVisible,
        CsrAddress.Sie => Mie & Mideleg,
        CsrAddress.Stvec => Stvec,
        CsrAddress.Scounteren => Scounteren,
        CsrAddress.Senvcfg => Senvcfg,
        CsrAddress.Sscratch => Sscratch,
        CsrAddress.Sepc => Sepc,
        CsrAddress.Scause => Scause,
        CsrAddress.Stval => Stval,
        CsrAddress.Sip => Pending & Mideleg,
        CsrAddress.Stimecmp => Stimecmp,
        CsrAddress.Satp => Satp,
        CsrAddress.Mhartid => (ulong)hart.Id,
        CsrAddress.Mstatus => Status,
        CsrAddress.Misa => MisaValue,
        CsrAddress.Medeleg => Medeleg,
        CsrAddress.Mideleg => Mideleg,
        CsrAddress.Mie => Mie,
        CsrAddress.Mtvec => Mtvec,
        CsrAddress.Mcounteren => Mcounteren,
        CsrAddress.Menvcfg => Menvcfg,
        CsrAddress.Mscratch => Mscratch,
        CsrAddress.Mepc => Mepc,
        CsrAddress.Mcause => Mcause,
        CsrAddress.Mtval => Mtval,
        CsrAddress.Mip => Pending,
        _ => null,
    };

    /// <summary>Registers of which there are many, and those that are fixed at zero: identities, performance counters, triggers.</summary>
    private ulong? ReadRange(int address) => (CsrAddress)address switch
    {
        >= CsrAddress.Pmpcfg0 and < CsrAddress.Pmpaddr0 =>
            (address & 1) == 0 ? hart.Pmp.ReadConfiguration(address - (int)CsrAddress.Pmpcfg0) : null,
        >= CsrAddress.Pmpaddr0 and < CsrAddress.Pmpaddr0 + 64 => hart.Pmp.ReadAddress(address - (int)CsrAddress.Pmpaddr0),
        CsrAddress.Mvendorid or CsrAddress.Marchid or CsrAddress.Mimpid or CsrAddress.Mconfigptr or CsrAddress.Mcountinhibit => 0,
        >= CsrAddress.Hpmcounter3 and < CsrAddress.Hpmcounter3 + 29 => 0,
        >= CsrAddress.Mhpmcounter3 and < CsrAddress.Mhpmcounter3 + 29 => 0,
        >= CsrAddress.Mhpmevent3 and < CsrAddress.Mhpmevent3 + 29 => 0,
        CsrAddress.Tselect or CsrAddress.Tdata1 or CsrAddress.Tdata2 or CsrAddress.Tdata3 => 0,
        _ => null,
    };

    /// <summary>What another register says of who may touch this one.</summary>
    private bool Allowed(CsrAddress address)
    {
        switch (address)
        {
            case CsrAddress.Fflags or CsrAddress.Frm or CsrAddress.Fcsr:
                return _state->FloatStatus != 0;
            case CsrAddress.Satp:
                return hart.Mode == PrivilegeMode.Machine || (_mstatus & Mstatus.Tvm) == 0;
            case CsrAddress.Stimecmp:
                return hart.Mode == PrivilegeMode.Machine || HasSupervisorTimer && (Mcounteren & TimerEnable) != 0;
            case >= CsrAddress.Cycle and < CsrAddress.Cycle + 32:
                ulong bit = 1UL << (int)(address - CsrAddress.Cycle);
                return hart.Mode == PrivilegeMode.Machine
                    || (Mcounteren & bit) != 0 && (hart.Mode == PrivilegeMode.Supervisor || (Scounteren & bit) != 0);
            default:
                return true;
        }
    }

    private void WriteSatp(ulong value)
    {
        // A mode that is not supported leaves the whole register as it was. There are no address space identifiers.
        if (value >> 60 is 0 or 8 or 9)
        {
            Satp = value & ~(0xFFFFUL << 44);
            hart.Tlb.FlushTranslated();
            hart.ContextChanged();
        }
    }

    private void SetSoft(ulong mask, ulong value) => SoftPending = SoftPending & ~mask | value & mask;

    private void SetFloat(ulong flags, ulong rounding)
    {
        _state->FloatFlags = (uint)flags;
        _state->FloatRounding = (uint)rounding;
        _state->FloatStatus = 3;
    }
}
