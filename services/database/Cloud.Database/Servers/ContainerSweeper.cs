using Cloud.Database.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Servers;

/// <summary>Removes containers and volumes of servers that no database knows of any more: what a failed removal has left.</summary>
internal sealed partial class ContainerSweeper(
    IDbContextFactory<DatabaseDbContext> databases, ServerPlaces places, ILogger<ContainerSweeper> log) : IReconciler
{
    public async Task ReconcileAsync(CancellationToken ct)
    {
        if (places.Containers is not { } containers)
        {
            return;
        }

        try
        {
            // First what there is, then who it may belong to: a database's row is there before all that is its.
            var found = await containers.ListAsync(ct);
            await using var db = await databases.CreateDbContextAsync(ct);
            var rows = await db.Databases.AsNoTracking().Where(row => row.Placement == DatabasePlacement.Container).ToListAsync(ct);
            var known = rows.SelectMany(ServerContainers.NamesOf).ToHashSet(StringComparer.Ordinal);
            foreach (var name in found.Where(name => !known.Contains(name)))
            {
                LogOrphan(log, name);
                await containers.RemoveAsync(name, ct);
            }
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            LogAway(log, away.Message);
        }
    }

    [LoggerMessage(9009, LogLevel.Warning, "{Name} is no database's any more, and is removed")]
    private static partial void LogOrphan(ILogger log, string name);

    [LoggerMessage(9010, LogLevel.Warning, "The containers of databases could not be looked through, and are again later: {Reason}")]
    private static partial void LogAway(ILogger log, string reason);
}
