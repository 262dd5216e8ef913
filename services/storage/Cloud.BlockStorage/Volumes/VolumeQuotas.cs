using Cloud.BlockStorage.Persistence;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.BlockStorage.Volumes;

/// <summary>What a volume takes of its project's quotas, from its create until it is deleted.</summary>
internal static class VolumeQuotas
{
    /// <exception cref="Primitives.CloudException">A quota is used up.</exception>
    public static async Task ReserveAsync(BlockStorageDbContext db, string project, int volumes, long bytes, CancellationToken ct)
    {
        await db.Quotas().ReserveAsync(project, "volumes", volumes, ct);
        await db.Quotas().ReserveAsync(project, "volumeBytes", bytes, ct);
    }
}
