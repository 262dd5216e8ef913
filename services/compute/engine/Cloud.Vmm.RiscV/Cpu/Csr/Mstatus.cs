namespace Cloud.Vmm.RiscV.Cpu.Csr;

/// <summary>The fields of mstatus, and what sstatus shows of it (privileged manual 3.1.6 and 4.1.1).</summary>
internal static class Mstatus
{
    internal const ulong Sie = 1UL << 1;
    internal const ulong Mie = 1UL << 3;
    internal const ulong Spie = 1UL << 5;
    internal const ulong Mpie = 1UL << 7;
    internal const ulong Spp = 1UL << 8;
    internal const int MppShift = 11;
    internal const ulong Mpp = 3UL << MppShift;
    internal const int FsShift = 13;
    internal const ulong Fs = 3UL << FsShift;
    internal const ulong Mprv = 1UL << 17;
    internal const ulong Sum = 1UL << 18;
    internal const ulong Mxr = 1UL << 19;
    internal const ulong Tvm = 1UL << 20;
    internal const ulong Tw = 1UL << 21;
    internal const ulong Tsr = 1UL << 22;

    /// <summary>UXL and SXL: 64 bits, fixed.</summary>
    internal const ulong Lengths = 2UL << 32 | 2UL << 34;
    internal const ulong Sd = 1UL << 63;

    internal const ulong Writable = Sie | Mie | Spie | Mpie | Spp | Mpp | Fs | Mprv | Sum | Mxr | Tvm | Tw | Tsr;
    internal const ulong SupervisorWritable = Sie | Spie | Spp | Fs | Sum | Mxr;
    internal const ulong SupervisorVisible = SupervisorWritable | 2UL << 32 | Sd;
}
