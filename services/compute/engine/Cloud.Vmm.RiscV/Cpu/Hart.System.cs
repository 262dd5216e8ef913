using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Cpu;

// The instructions that handlers leave to the hart.
internal sealed unsafe partial class Hart
{
    /// <summary>Runs the instruction at Pc; false sets the trap.</summary>
    private bool RunSystem(Op op, CodeSlot* slot)
    {
        ulong status = Csrs.Status;
        bool supervisor = Mode == PrivilegeMode.Supervisor;
        switch (op)
        {
            case Op.Csrrw or Op.Csrrs or Op.Csrrc or Op.Csrrwi or Op.Csrrsi or Op.Csrrci:
                if (!AccessCsr(op, slot))
                {
                    return Illegal();
                }

                break;
            case Op.Ecall:
                TrapCause call = Mode switch
                {
                    PrivilegeMode.User => TrapCause.UserCall,
                    PrivilegeMode.Supervisor => TrapCause.SupervisorCall,
                    _ => TrapCause.MachineCall,
                };
                return Fault(call, 0);
            case Op.Sret when Mode != PrivilegeMode.User && !(supervisor && (status & Mstatus.Tsr) != 0):
                ReturnFromSupervisor();
                return true;
            case Op.Mret when Mode == PrivilegeMode.Machine:
                ReturnFromMachine();
                return true;
            case Op.Wfi when Mode == PrivilegeMode.Machine || supervisor && (status & Mstatus.Tw) == 0:
                Waiting = true;
                Counters.Waits++;
                _interruptsChanged = true;
                break;
            case Op.SfenceVma when Mode != PrivilegeMode.User && !(supervisor && (status & Mstatus.Tvm) != 0):
                FenceTranslation(slot);
                break;
            case Op.FenceI:
                FenceInstructions();
                break;
            default:
                return Illegal();
        }

        State->Pc += (ulong)slot->Step >> 3;
        return true;
    }

    private bool AccessCsr(Op op, CodeSlot* slot)
    {
        bool immediate = op >= Op.Csrrwi;
        ulong operand = immediate ? slot->Rs1 : State->X[slot->Rs1];
        bool replaces = op is Op.Csrrw or Op.Csrrwi;
        if (!Csrs.TryRead(slot->Immediate, out ulong old))
        {
            return false;
        }

        // Setting or clearing by x0, or by an immediate of zero, does not write at all: a read-only CSR may be read so.
        if (replaces || slot->Rs1 != 0)
        {
            // The lines that mip shows are not software's to write back.
            ulong present = (CsrAddress)slot->Immediate is CsrAddress.Mip or CsrAddress.Sip ? Csrs.SoftPending : old;
            ulong next = replaces ? operand : op is Op.Csrrs or Op.Csrrsi ? present | operand : present & ~operand;
            if (!Csrs.TryWrite(slot->Immediate, next))
            {
                return false;
            }
        }

        State->X[slot->Rd] = old;
        return true;
    }

    /// <summary>SFENCE.VMA: by address where rs1 names one. There are no address space identifiers to tell apart.</summary>
    private void FenceTranslation(CodeSlot* slot)
    {
        if (slot->Rs1 == 0)
        {
            Tlb.FlushTranslated();
        }
        else
        {
            Tlb.FlushAddress(State->X[slot->Rs1]);
        }
    }

    private bool Illegal() => Fault(TrapCause.IllegalInstruction, EncodingAtPc());
}
