namespace Cloud.Vmm.Oci;

/// <summary>What a container may take of its host.</summary>
internal sealed record ContainerLimits(long MemoryBytes, int Vcpus)
{
    public const int CpuPeriodMicroseconds = 100_000;

    /// <summary>Processes and threads.</summary>
    public const int TasksMax = 1024;

    /// <summary>
    /// One process of the host has 1024, and a machine that for each processor. A container's many short turns are worth less than they
    /// would be without a cgroup, whose weight on a processor follows the load that it had there: with a machine's weight PostgreSQL
    /// does a tenth less beside its busy clients.
    /// </summary>
    private const int SharesPerVcpu = 4096;

    public int CpuQuotaMicroseconds => Vcpus * CpuPeriodMicroseconds;

    public int CpuShares => Vcpus * SharesPerVcpu;

    public static ContainerLimits Of(VmSpec spec) => new(spec.MemoryBytes, spec.Vcpus);
}
