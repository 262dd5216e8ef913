using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Quotas;

/// <summary>Tells all limits that were ever set once more: a service that came later, or lost its database, learns them so.</summary>
internal sealed class QuotaAnnouncer(IDbContextFactory<IdentityDbContext> databases) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var set in await db.Quotas.AsNoTracking().ToListAsync(ct))
        {
            db.Outbox().Add(new QuotaChanged(set.Project.Value, set.Name, set.Limit, set.Generation), $"quota:{set.Project}:{set.Name}");
        }

        await db.SaveChangesAsync(ct);
    }
}
