namespace Cloud.Vmm.Qemu.Cgroups;

/// <summary>One tree of cgroups that limits can be set in: cgroup v2's, or one of v1's, which has a tree a controller.</summary>
/// <param name="Parent">The folder that machines' cgroups are made in.</param>
/// <param name="Files">The files that a limit is written to, and what; those that are not there are passed over.</param>
internal sealed record CgroupHierarchy(string Parent, Func<MachineLimits, IReadOnlyList<(string File, string Value)>> Files)
{
    private const int WeightMax = 10_000;
    private const int WeightPerVcpu = 100;
    private const int SharesPerVcpu = 1024;

    /// <summary>Documentation/admin-guide/cgroup-v2.rst.</summary>
    public static IReadOnlyList<(string File, string Value)> Unified(MachineLimits limits) =>
    [
        ("memory.max", $"{limits.MemoryBytes}"),
        ("memory.oom.group", "1"),
        ("cpu.max", $"{limits.CpuQuotaMicroseconds} {MachineLimits.CpuPeriodMicroseconds}"),
        ("cpu.weight", $"{Math.Min(limits.Vcpus * WeightPerVcpu, WeightMax)}"),
        ("pids.max", $"{limits.TasksMax}"),
    ];

    /// <summary>Documentation/admin-guide/cgroup-v1/.</summary>
    public static IReadOnlyList<(string File, string Value)> Legacy(MachineLimits limits) =>
    [
        ("memory.limit_in_bytes", $"{limits.MemoryBytes}"),
        ("cpu.cfs_period_us", $"{MachineLimits.CpuPeriodMicroseconds}"),
        ("cpu.cfs_quota_us", $"{limits.CpuQuotaMicroseconds}"),
        ("cpu.shares", $"{limits.Vcpus * SharesPerVcpu}"),
        ("pids.max", $"{limits.TasksMax}"),
    ];
}
