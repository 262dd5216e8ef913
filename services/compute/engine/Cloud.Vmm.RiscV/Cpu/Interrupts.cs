namespace Cloud.Vmm.RiscV.Cpu;

/// <summary>The bits of mip, mie and mideleg, and the order in which simultaneous interrupts are taken (privileged manual 3.1.9).</summary>
internal static class Interrupts
{
    internal const ulong SupervisorSoftware = 1UL << 1;
    internal const ulong MachineSoftware = 1UL << 3;
    internal const ulong SupervisorTimer = 1UL << 5;
    internal const ulong MachineTimer = 1UL << 7;
    internal const ulong SupervisorExternal = 1UL << 9;
    internal const ulong MachineExternal = 1UL << 11;

    internal const ulong Supervisor = SupervisorSoftware | SupervisorTimer | SupervisorExternal;
    internal const ulong All = Supervisor | MachineSoftware | MachineTimer | MachineExternal;

    private static readonly byte[] Order = [11, 3, 7, 9, 1, 5];

    /// <summary>The number of the interrupt to take first of those given; at least one is.</summary>
    internal static int First(ulong pending)
    {
        foreach (byte number in Order)
        {
            if ((pending >> number & 1) != 0)
            {
                return number;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(pending));
    }
}
