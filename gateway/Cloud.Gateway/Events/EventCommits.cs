using System.Data.Common;
using Cloud.Gateway.Persistence;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Cloud.Gateway.Events;

/// <summary>Wakes the streams right after events were committed in this process.</summary>
internal sealed class EventCommits(EventSignal signal) : DbTransactionInterceptor
{
    public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Committed(eventData);

    public override Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Committed(eventData);
        return Task.CompletedTask;
    }

    private void Committed(TransactionEndEventData committed)
    {
        if (committed.Context is GatewayDbContext db && db.ChangeTracker.Entries<EventRecord>().Any())
        {
            signal.Set();
        }
    }
}
