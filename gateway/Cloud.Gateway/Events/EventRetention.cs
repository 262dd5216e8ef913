using Cloud.Gateway.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Gateway.Events;

/// <summary>Removes events that are too old, or too many.</summary>
internal sealed class EventRetention(
    IDbContextFactory<GatewayDbContext> databases, IOptions<GatewayOptions> options, TimeProvider time) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var last = await EventCounter.LastAsync(db, ct);
        var tooOld = time.GetUtcNow() - options.Value.EventsKeptFor;
        var young = await db.Events.AsNoTracking().Where(row => row.At >= tooOld).OrderBy(row => row.Position)
            .Select(row => (long?)row.Position).FirstOrDefaultAsync(ct);
        // From the front only: what stays has no gaps.
        var from = Math.Max(young ?? last + 1, last + 1 - options.Value.EventsKept);
        await db.Events.Where(row => row.Position < from).ExecuteDeleteAsync(ct);
    }
}
