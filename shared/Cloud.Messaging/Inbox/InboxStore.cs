using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging;

/// <summary>Puts messages that arrived into a service's inbox, each once.</summary>
internal sealed class InboxStore<TContext>(IDbContextFactory<TContext> databases)
    where TContext : DbContext
{
    public async Task StoreAsync(IReadOnlyList<BusMessage> messages, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        foreach (var message in messages)
        {
            // Both databases know ON CONFLICT; a duplicate is no error that would spoil the transaction.
            await db.Database.ExecuteSqlAsync(
                $"""
                INSERT INTO "inbox" ("MessageId", "Name", "OrderKey", "Body", "At", "TraceParent", "State", "Attempts", "NotBefore")
                VALUES ({message.Id}, {message.Name}, {message.OrderKey}, {message.Body.ToJsonString(MessageJson.Options)},
                        {message.At.UtcTicks}, {message.TraceParent}, {(int)InboxState.Waiting}, 0, 0)
                ON CONFLICT ("MessageId") DO NOTHING
                """,
                ct);
        }

        await transaction.CommitAsync(ct);
    }
}
