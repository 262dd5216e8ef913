namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>Exception codes of mcause and scause (privileged manual, table 3.6).</summary>
internal enum TrapCause : ulong
{
    InstructionMisaligned = 0,
    InstructionAccessFault = 1,
    IllegalInstruction = 2,
    Breakpoint = 3,
    LoadMisaligned = 4,
    LoadAccessFault = 5,
    StoreMisaligned = 6,
    StoreAccessFault = 7,
    UserCall = 8,
    SupervisorCall = 9,
    MachineCall = 11,
    InstructionPageFault = 12,
    LoadPageFault = 13,
    StorePageFault = 15,
}
