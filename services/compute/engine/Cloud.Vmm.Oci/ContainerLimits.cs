namespace Cloud.Vmm.Oci;

/// <summary>What a container may take of its host.</summary>
internal sealed record ContainerLimits(long MemoryBytes, int Vcpus)
{
    public const int CpuPeriodMicroseconds = 100_000;

    /// <summary>Processes and threads.</summary>
    public const int TasksMax = 1024;

    private const int SharesPerVcpu = 1024;

    public int CpuQuotaMicroseconds => Vcpus * CpuPeriodMicroseconds;

    public int CpuShares => Vcpus * SharesPerVcpu;

    public static ContainerLimits Of(VmSpec spec) => new(spec.MemoryBytes, spec.Vcpus);
}
