namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>The privilege modes, numbered as the privileged manual encodes them (table 1.1).</summary>
internal enum PrivilegeMode : byte
{
    User = 0,
    Supervisor = 1,
    Machine = 3,
}
