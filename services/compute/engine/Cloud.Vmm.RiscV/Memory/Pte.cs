namespace Cloud.Vmm.RiscV.Memory;

/// <summary>The bits of a page table entry (privileged manual 4.4.1).</summary>
internal static class Pte
{
    internal const ulong Valid = 1;
    internal const ulong Readable = 2;
    internal const ulong Writable = 4;
    internal const ulong Executable = 8;
    internal const ulong User = 16;
    internal const ulong Accessed = 64;
    internal const ulong Dirty = 128;

    /// <summary>Bits 54 to 63: of extensions that the hart does not have, so they must be zero.</summary>
    internal const ulong Reserved = ~0UL << 54;

    internal static ulong PhysicalPage(ulong entry) => entry >> 10 & ((1UL << 44) - 1);
}
