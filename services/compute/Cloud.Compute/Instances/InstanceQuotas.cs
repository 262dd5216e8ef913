using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Compute.Instances;

/// <summary>What an instance takes of its project's quotas, from its create until it is deleted.</summary>
internal static class InstanceQuotas
{
    public const string Instances = "instances";
    public const string Vcpus = "vcpus";
    public const string MemoryBytes = "memoryBytes";

    /// <exception cref="Primitives.CloudException">A quota is used up.</exception>
    public static async Task ReserveAsync(ComputeDbContext db, string project, int vcpus, long memoryBytes, CancellationToken ct)
    {
        await db.Quotas().ReserveAsync(project, Instances, 1, ct);
        await db.Quotas().ReserveAsync(project, Vcpus, vcpus, ct);
        await db.Quotas().ReserveAsync(project, MemoryBytes, memoryBytes, ct);
    }

    /// <summary>The difference that another type makes.</summary>
    public static async Task ResizeAsync(ComputeDbContext db, Instance instance, int vcpus, long memoryBytes, CancellationToken ct)
    {
        await db.Quotas().ReserveAsync(instance.Project, Vcpus, vcpus - instance.Vcpus, ct);
        await db.Quotas().ReserveAsync(instance.Project, MemoryBytes, memoryBytes - instance.MemoryBytes, ct);
    }

    public static async Task ReleaseAsync(ComputeDbContext db, Instance instance, CancellationToken ct)
    {
        await db.Quotas().ReserveAsync(instance.Project, Instances, -1, ct);
        await db.Quotas().ReserveAsync(instance.Project, Vcpus, -instance.Vcpus, ct);
        await db.Quotas().ReserveAsync(instance.Project, MemoryBytes, -instance.MemoryBytes, ct);
    }
}
