using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class GetInstanceMigration
{
    public static async Task<InstanceMigrationView> HandleAsync(
        string id, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var migration = instance.Migration ?? throw CloudException.NotFound("migration", id);
        GuestMoveReport? progress = null;
        try
        {
            if (migration.EndedAt is null && await hosts.AgentOf(migration.From).FindMoveAsync(id, ct) is { UnderWay: true } report)
            {
                progress = report;
            }
        }
        catch (CloudException away) when (away.Kind is ErrorKind.Unavailable or ErrorKind.NotFound)
        {
            // What the row says is known all the same.
        }

        return InstanceMigrationView.Of(migration, progress);
    }
}
