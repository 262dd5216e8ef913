using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>The rows, apart from what a handler does with its own context.</summary>
internal sealed class IdempotentCalls<TContext>(IDbContextFactory<TContext> databases)
    where TContext : DbContext
{
    private static readonly TimeSpan PurgeEvery = TimeSpan.FromMinutes(10);

    // Of this process and this context's database.
    private static long _purgedAtTicks;

    /// <returns>Null where the key is free.</returns>
    public async Task<IdempotentCall?> FindAsync(IdempotencyKey key, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var call = await db.Set<IdempotentCall>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == key.Id, ct);
        if (call is null || call.ExpiresAt > now)
        {
            return call;
        }

        await db.Set<IdempotentCall>().Where(row => row.Id == key.Id && row.ExpiresAt <= now).ExecuteDeleteAsync(ct);
        return null;
    }

    /// <summary>Adds the answer to the row, or the row where the call changed nothing and so saved none.</summary>
    public async Task KeepAsync(IdempotentCall call, DateTimeOffset now, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var updated = await db.Set<IdempotentCall>().Where(row => row.Id == call.Id)
            .ExecuteUpdateAsync(row => row.SetProperty(one => one.Answer, call.Answer), ct);
        if (updated == 0)
        {
            db.Add(call);
            try
            {
                await db.SaveChangesAsync(ct);
            }
            catch (DbUpdateException taken) when (taken.IsUniqueViolation())
            {
                // Another process answered the same call at the same moment, and neither changed anything: its answer stands.
            }
        }

        await PurgeAsync(db, now, ct);
    }

    /// <summary>Who adds rows removes those that are over, now and then; without calls nothing runs.</summary>
    private static async Task PurgeAsync(TContext db, DateTimeOffset now, CancellationToken ct)
    {
        var purgedAt = Interlocked.Read(ref _purgedAtTicks);
        if (now.UtcTicks - purgedAt > PurgeEvery.Ticks
            && Interlocked.CompareExchange(ref _purgedAtTicks, now.UtcTicks, purgedAt) == purgedAt)
        {
            await db.Set<IdempotentCall>().Where(row => row.ExpiresAt <= now).ExecuteDeleteAsync(ct);
        }
    }
}
