using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>
/// Tells identity what projects use of <c>objectBytes</c>: not with every object, but what has changed since the round before.
/// </summary>
internal sealed class UsageReporter(IDbContextFactory<ObjectStorageDbContext> databases, IndexReads reads) : IReconciler
{
    private const string Quota = "objectBytes";

    private readonly Dictionary<string, long> _told = new(StringComparer.Ordinal);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        var counts = await reads.ReadAsync(
            session => session.ListAsync(
                """SELECT "Project", "Used", "Generation" FROM "quota_counts" WHERE "Name" = @p0""",
                row => new QuotaUsage(row.GetString(0), Quota, row.GetInt64(1), row.GetInt64(2)), ct, Quota),
            ct);
        var changed = counts.Where(count => _told.GetValueOrDefault(count.Project) != count.Generation).ToList();
        if (changed.Count == 0)
        {
            return;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        changed.ForEach(count => db.Outbox().Add(count, $"quota:{count.Project}:{Quota}"));
        await db.SaveChangesAsync(ct);
        changed.ForEach(count => _told[count.Project] = count.Generation);
    }
}
