using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceTypes;

/// <summary>The types that every cloud has from its first start.</summary>
internal sealed class InstanceTypePresets(IDbContextFactory<ComputeDbContext> databases, TimeProvider time) : IReconciler
{
    private const long Mi = 1L << 20;

    private static readonly (string Name, int Vcpus, long MemoryBytes)[] Presets =
    [
        ("nano", 1, 128 * Mi),
        ("micro", 1, 256 * Mi),
        ("small", 1, 512 * Mi),
        ("medium", 2, 2048 * Mi),
        ("large", 2, 4096 * Mi),
    ];

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var known = await db.InstanceTypes.Select(type => type.Name).ToListAsync(ct);
        var missing = Presets.Where(preset => !known.Contains(preset.Name)).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        db.InstanceTypes.AddRange(missing.Select(preset => InstanceType.Create(
            TypedId.New<InstanceTypeId>(time), preset.Name, preset.Vcpus, preset.MemoryBytes, 0, time.GetUtcNow())));
        try
        {
            await db.SaveChangesAsync(ct);
        }
        catch (DbUpdateException taken) when (taken.IsUniqueViolation())
        {
            // Another replica was first.
        }
    }
}
