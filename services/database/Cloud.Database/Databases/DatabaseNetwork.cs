using Cloud.Compute.Contracts;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Cloud.Database.Databases;

/// <summary>
/// Says again by what names and addresses instances reach the databases, for a network that was not there when it was said first; and
/// gives an address to those that were made before there were any.
/// </summary>
internal sealed partial class DatabaseNetwork(
    IDbContextFactory<DatabaseDbContext> databases, ServerEngines engines, TimeProvider time, ILogger<DatabaseNetwork> log) : IReconciler
{
    /// <summary>The name by which instances of its project reach it. Its id with the same end is another.</summary>
    public static string NameOf(ManagedDatabase database) => $"{database.Name}.{ServiceAddresses.Domain}";

    public static SetNetworkService Of(ManagedDatabase database, long version) => new(
        database.Id.Value, database.Project, [database.Name, database.Id.Value], database.InternalAddress, PortOf(database.Engine),
        database.Port, version, database.Status == DatabaseStatus.Deleted);

    /// <summary>The port that every client of the engine knows.</summary>
    public static int PortOf(DatabaseEngine engine) => engine == DatabaseEngine.Redis ? 6379 : 5432;

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var id in await db.Databases.Existing().Where(row => row.InternalAddress == "").Select(row => row.Id).ToListAsync(ct))
        {
            await GiveAddressAsync(id, ct);
        }

        var rows = await db.Databases.AsNoTracking().Existing().ToListAsync(ct);
        if (rows.Count == 0)
        {
            return;
        }

        foreach (var row in rows)
        {
            db.Outbox().Add(Of(row, row.Version), row.Id.Value);
        }

        await db.SaveChangesAsync(ct);
    }

    private async Task GiveAddressAsync(DatabaseId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.BeginAddressingAsync(ct);
        if (await db.Databases.SingleOrDefaultAsync(row => row.Id == id && row.InternalAddress == "", ct) is not { } row)
        {
            return;
        }

        row.TakeInternalAddress(await DatabaseAddress.ChooseInternalAsync(db, row.Project, ct), time.GetUtcNow());
        db.AddDatabaseEvent(row, "changed");
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        if (!row.ShouldRun)
        {
            return;
        }

        try
        {
            // Its certificate has the new names.
            await engines.Of(row).ApplySettingsAsync(row, ct);
        }
        catch (Exception away) when (away is NpgsqlException or CloudException or IOException)
        {
            LogNotApplied(log, id, away.Message);
        }
    }

    [LoggerMessage(9008, LogLevel.Warning, "The server of {Database} has its new names' certificate at its next start: {Reason}")]
    private static partial void LogNotApplied(ILogger log, DatabaseId database, string reason);
}
