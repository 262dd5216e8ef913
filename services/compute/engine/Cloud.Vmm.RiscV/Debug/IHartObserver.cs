using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Debug;

/// <summary>Looks at each instruction before it runs. A hart that has one interprets, one instruction at a time.</summary>
internal interface IHartObserver
{
    /// <summary>Told on the hart's thread, with Pc at the instruction; false keeps the hart from running it.</summary>
    bool BeforeInstruction(Hart hart);
}
