using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Cpu;

// What a debugger sees and does.
internal sealed unsafe partial class Hart
{
    // The page may have to be brought in, and an exception entered, before an instruction runs.
    private const int StepTries = 4;

    private IHartObserver? _observer;

    internal HartCounters Counters { get; } = new();

    /// <summary>Who looks at each instruction; set while the hart stands still.</summary>
    internal IHartObserver? Observer
    {
        get => _observer;
        set => _observer = value;
    }

    /// <summary>Runs one instruction, or enters the handler of its exception; takes no interrupt. The machine stands still.</summary>
    internal void StepOnce()
    {
        AnswerRequests();
        Waiting = false;
        for (int tries = 0; tries < StepTries && RunSlice(1) == 0; tries++)
        {
            // The page was not there; now it is.
        }
    }

    /// <summary>The instruction at an address as the hart would fetch it; null where it cannot.</summary>
    internal Instruction? InstructionAt(ulong address)
    {
        uint raw = 0;
        for (int half = 0; half < 2 && (half == 0 || (raw & 3) == 3); half++)
        {
            ulong? physical = PageWalk.Of(this, _bus, address + (ulong)(2 * half)).Physical;
            byte* host = physical is null ? null : _bus.ReadableAt(physical.Value);
            if (host is null)
            {
                return null;
            }

            raw |= (uint)*(ushort*)host << (16 * half);
        }

        return Decoder.Decode(raw);
    }

    /// <summary>Instructions one at a time, each shown to the observer before; returns how many were taken.</summary>
    private int RunObserved(IHartObserver observer, int budget)
    {
        int taken = 0;
        while (taken < budget && Volatile.Read(ref State->Attention) == 0 && !Waiting && !_interruptsChanged
            && observer.BeforeInstruction(this))
        {
            int ran = RunSlice(1);
            for (int tries = 1; ran == 0 && tries < StepTries; tries++)
            {
                ran = RunSlice(1);
            }

            taken += ran;
        }

        return taken;
    }
}
