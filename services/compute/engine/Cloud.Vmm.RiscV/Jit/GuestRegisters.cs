namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// Where guest registers live in translated code: ten in registers of the host, the others in the hart's state, which RBP points into.
/// RDI has the budget; RAX, RCX and RDX are free within an instruction.
/// </summary>
internal static class GuestRegisters
{
    private const int NotPinned = -1;

    /// <summary>The pinned ones: what compilers use most (sp, ra, s0, s1, a0 to a5).</summary>
    internal static readonly (int Guest, X64 Host)[] Pinned =
    [
        (2, X64.Rbx), (1, X64.Rsi), (10, X64.R8), (11, X64.R9), (12, X64.R10), (13, X64.R11), (14, X64.R12), (15, X64.R13),
        (8, X64.R14), (9, X64.R15),
    ];

    private static readonly int[] Hosts = BuildHosts();

    internal static bool IsPinned(int guest, out X64 host)
    {
        host = (X64)Hosts[guest];
        return Hosts[guest] != NotPinned;
    }

    /// <summary>The displacement of x0 to x31 in the state.</summary>
    internal static int OffsetOf(int guest) => StateOffsets.Integers + guest * sizeof(ulong);

    /// <summary>The displacement of f0 to f31 in the state.</summary>
    internal static int FloatOffsetOf(int register) => StateOffsets.Floats + register * sizeof(ulong);

    private static int[] BuildHosts()
    {
        int[] hosts = new int[32];
        Array.Fill(hosts, NotPinned);
        foreach ((int guest, X64 host) in Pinned)
        {
            hosts[guest] = (int)host;
        }

        return hosts;
    }
}
