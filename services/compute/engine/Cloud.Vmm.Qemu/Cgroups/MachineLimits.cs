namespace Cloud.Vmm.Qemu.Cgroups;

/// <summary>What a machine's process may take of its host.</summary>
/// <param name="MemoryBytes">The guest's memory, translated code, and what QEMU needs itself.</param>
/// <param name="Vcpus">A processor's worth of time each, and half a one for devices.</param>
/// <param name="TasksMax">Threads: vCPUs, and those that do input and output.</param>
internal sealed record MachineLimits(long MemoryBytes, int Vcpus, int TasksMax)
{
    public const int CpuPeriodMicroseconds = 100_000;

    private const long OverheadBytes = 256 << 20;

    // QEMU's thread pool has 64 at most.
    private const int TasksBeside = 96;

    public int CpuQuotaMicroseconds => (Vcpus * CpuPeriodMicroseconds) + (CpuPeriodMicroseconds / 2);

    public static MachineLimits Of(VmSpec spec) => new(
        spec.MemoryBytes + OverheadBytes + (spec.Engine == VmEngine.Emulation ? QemuCommandLine.TranslationBytes(spec) : 0),
        spec.Vcpus,
        spec.Vcpus + TasksBeside);
}
