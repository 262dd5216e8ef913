using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Redis;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Database.Servers;

/// <summary>
/// Looks after the servers that must run: starts those that died, has their logs archived, and makes those that hold more than their size
/// read-only until they do no more.
/// </summary>
internal sealed partial class ServerKeeper(
    IDbContextFactory<DatabaseDbContext> databases, DatabaseChanges changes, DatabaseTurns turns, ServerPlaces places,
    ServerEngines engines, ReconcilerSignals signals, ILogger<ServerKeeper> log) : IReconciler
{
    /// <summary>A database is written to again when so much of its size is in use, of a hundred.</summary>
    private const int WritablePercent = 95;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        List<ManagedDatabase> rows;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            rows = await db.Databases.AsNoTracking()
                .Where(row => row.Status == DatabaseStatus.Available || row.Status == DatabaseStatus.ReadOnly).ToListAsync(ct);
        }

        if (rows.Count == 0)
        {
            signals.RestUntilWoken<ServerKeeper>();
        }

        // None waits for another, which may recover for long.
        await Task.WhenAll(rows.Select(row => TryKeepAsync(row.Id, ct)));
    }

    private async Task TryKeepAsync(DatabaseId id, CancellationToken ct)
    {
        try
        {
            await KeepAsync(id, ct);
        }
        catch (Exception failed) when (failed is NpgsqlException or RedisException or CloudException or IOException or TimeoutException)
        {
            LogFailed(log, id, failed.Message);
        }
    }

    private async Task KeepAsync(DatabaseId id, CancellationToken ct)
    {
        using var turn = await turns.TakeAsync(id, ct);

        // As it is in our turn: a saga may have begun since.
        if (await ReadAsync(id, ct) is not { ShouldRun: true } row)
        {
            return;
        }

        if (!await places.Of(row).RunsAsync(row, ct))
        {
            LogDied(log, id);
            await engines.Of(row).StartAsync(row, ct);
            await changes.ApplyAsync(id, "server-restarted", (_, _, _) => Task.FromResult(true), ct);
        }

        await engines.Of(row).ArchiveAsync(row, ct);
        await CheckSizeAsync(row, ct);
    }

    private async Task CheckSizeAsync(ManagedDatabase row, CancellationToken ct)
    {
        var used = await places.Of(row).UsedBytesAsync(row, ct);
        if (row.Status == DatabaseStatus.Available && used > row.SizeBytes)
        {
            var reason = $"It holds {used} bytes, and its size is {row.SizeBytes}. Resize it, or remove what is not needed.";
            row.BecomesReadOnly(reason, row.UpdatedAt);
            await engines.Of(row).ApplySettingsAsync(row, ct);

            // What users' sessions have begun ends; the next ones find it read-only. It is said when it is so.
            await engines.Of(row).EndSessionsAsync(row, ct);
            await TurnAsync(row.Id, "read-only", (one, now) => one.BecomesReadOnly(reason, now), ct);
        }
        else if (row.Status == DatabaseStatus.ReadOnly && used <= row.SizeBytes / 100 * WritablePercent)
        {
            row.BecomesWritable(row.UpdatedAt);
            await engines.Of(row).ApplySettingsAsync(row, ct);
            await TurnAsync(row.Id, "available", (one, now) => one.BecomesWritable(now), ct);
        }
    }

    private Task TurnAsync(DatabaseId id, string what, Action<ManagedDatabase, DateTimeOffset> turn, CancellationToken ct) =>
        changes.ApplyAsync(id, what, (_, row, now) =>
        {
            if (row.ShouldRun)
            {
                turn(row, now);
            }

            return Task.FromResult(row.ShouldRun);
        }, ct);

    private async Task<ManagedDatabase?> ReadAsync(DatabaseId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Databases.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct);
    }

    [LoggerMessage(9004, LogLevel.Warning, "The server of {Database} does not run, and is started again")]
    private static partial void LogDied(ILogger log, DatabaseId database);

    [LoggerMessage(9005, LogLevel.Warning, "The server of {Database} could not be looked after, and is again soon: {Reason}")]
    private static partial void LogFailed(ILogger log, DatabaseId database, string reason);
}
