using Cloud.Gateway.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Events;

/// <summary>
/// The one row that hands out positions. Whoever takes one holds the row until its transaction ends, so positions become visible in their
/// order: a reader that has seen 7 has not missed 6. A database's own sequence does not promise that.
/// </summary>
internal sealed class EventCounter
{
    private const int TheOne = 1;

    public int Id { get; init; } = TheOne;

    /// <summary>The position of the newest event.</summary>
    public long Last { get; init; }

    internal static EventCounter Start => new();

    /// <summary>The next position; within a transaction.</summary>
    public static async Task<long> TakeAsync(GatewayDbContext db, CancellationToken ct)
    {
        await db.EventCounters.ExecuteUpdateAsync(counter => counter.SetProperty(row => row.Last, row => row.Last + 1), ct);
        return await LastAsync(db, ct);
    }

    /// <summary>The position of the newest event.</summary>
    public static Task<long> LastAsync(GatewayDbContext db, CancellationToken ct) =>
        db.EventCounters.AsNoTracking().Where(row => row.Id == TheOne).Select(row => row.Last).SingleAsync(ct);
}
