using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

// Exceptions and interrupts: to which mode, and how it is entered and left (privileged manual 3.1.6 to 3.1.16, 4.1).
internal sealed unsafe partial class Hart
{
    private const ulong InterruptBit = 1UL << 63;

    /// <summary>Enters the handler of the exception that the state holds. One step.</summary>
    private int TakeException()
    {
        ulong cause = (ulong)State->TrapCause;
        bool delegated = Mode != PrivilegeMode.Machine && (Csrs.Medeleg >> (int)cause & 1) != 0;
        EnterTrap(delegated, cause, State->TrapValue);
        return 1;
    }

    /// <summary>
    /// Enters the handler of the first interrupt that is pending and enabled; true where there was one. One that is pending ends a wait.
    /// </summary>
    private bool TakeInterrupt()
    {
        _interruptsChanged = false;
        ulong pending = Csrs.Pending & Csrs.Mie;
        if (pending == 0)
        {
            return false;
        }

        Waiting = false;
        ulong status = Csrs.Status;
        ulong machine = pending & ~Csrs.Mideleg;
        if (machine != 0 && (Mode != PrivilegeMode.Machine || (status & Mstatus.Mie) != 0))
        {
            EnterTrap(false, InterruptBit | (uint)Interrupts.First(machine), 0);
            return true;
        }

        ulong supervisor = pending & Csrs.Mideleg;
        bool enabled = Mode == PrivilegeMode.User || Mode == PrivilegeMode.Supervisor && (status & Mstatus.Sie) != 0;
        if (supervisor == 0 || !enabled)
        {
            return false;
        }

        EnterTrap(true, InterruptBit | (uint)Interrupts.First(supervisor), 0);
        return true;
    }

    private void EnterTrap(bool toSupervisor, ulong cause, ulong value)
    {
        Counters.Trap(cause);
        ulong status = Csrs.Status;
        ulong vector;
        if (toSupervisor)
        {
            Csrs.Scause = cause;
            Csrs.Stval = value;
            Csrs.Sepc = State->Pc;
            vector = Csrs.Stvec;
            ulong enabled = (status & Mstatus.Sie) != 0 ? Mstatus.Spie : 0;
            ulong previous = Mode == PrivilegeMode.Supervisor ? Mstatus.Spp : 0;
            status = status & ~(Mstatus.Sie | Mstatus.Spie | Mstatus.Spp) | enabled | previous;
            Mode = PrivilegeMode.Supervisor;
        }
        else
        {
            Csrs.Mcause = cause;
            Csrs.Mtval = value;
            Csrs.Mepc = State->Pc;
            vector = Csrs.Mtvec;
            ulong enabled = (status & Mstatus.Mie) != 0 ? Mstatus.Mpie : 0;
            status = status & ~(Mstatus.Mie | Mstatus.Mpie | Mstatus.Mpp) | enabled | (ulong)Mode << Mstatus.MppShift;
            Mode = PrivilegeMode.Machine;
        }

        bool vectored = (vector & 1) != 0 && (cause & InterruptBit) != 0;
        State->Pc = (vector & ~3UL) + (vectored ? 4 * (cause & 63) : 0);
        State->Reserved = 0;
        Csrs.Status = status;
        _interruptsChanged = true;
    }

    private void ReturnFromSupervisor()
    {
        ulong status = Csrs.Status;
        PrivilegeMode previous = (status & Mstatus.Spp) != 0 ? PrivilegeMode.Supervisor : PrivilegeMode.User;
        ulong enabled = (status & Mstatus.Spie) != 0 ? Mstatus.Sie : 0;
        Mode = previous;
        State->Pc = Csrs.Sepc;
        Csrs.Status = status & ~(Mstatus.Sie | Mstatus.Spp | Mstatus.Mprv) | Mstatus.Spie | enabled;
        _interruptsChanged = true;
    }

    private void ReturnFromMachine()
    {
        ulong status = Csrs.Status;
        var previous = (PrivilegeMode)(status >> Mstatus.MppShift & 3);
        ulong enabled = (status & Mstatus.Mpie) != 0 ? Mstatus.Mie : 0;
        ulong mprv = previous == PrivilegeMode.Machine ? 0 : Mstatus.Mprv;
        Mode = previous;
        State->Pc = Csrs.Mepc;
        Csrs.Status = status & ~(Mstatus.Mie | Mstatus.Mpp | mprv) | Mstatus.Mpie | enabled;
        _interruptsChanged = true;
    }

    /// <summary>The encoding at Pc, as the trap value of an illegal instruction wants it; 0 where it cannot be read any more.</summary>
    private uint EncodingAtPc()
    {
        uint encoding = 0;
        for (int half = 0; half < 2 && (half == 0 || (encoding & 3) == 3); half++)
        {
            bool found = _mmu.Translate(State->Pc + (ulong)(half * 2), Access.Fetch, Mode, out ulong physical, out _);
            byte* host = found ? _bus.ReadableAt(physical) : null;
            if (host is null)
            {
                return 0;
            }

            encoding |= (uint)*(ushort*)host << (16 * half);
        }

        return encoding;
    }
}
