using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Takes volumes that no instance has off drained hosts; those that an instance has go with it.</summary>
internal sealed class VolumeDrains(
    IDbContextFactory<BlockStorageDbContext> databases, VolumeChanges changes, IVolumeHosts hosts) : IReconciler
{
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(10);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        try
        {
            foreach (var host in await hosts.ListDrainedAsync(ct))
            {
                await DrainAsync(host, ct);
            }
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            // Compute does not answer now.
        }
    }

    private async Task DrainAsync(string host, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var waiting = await db.Volumes.AsNoTracking()
            .Where(row => row.HostName == host && row.Instance == null && row.Status == VolumeStatus.Available)
            .OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct);
        foreach (var volume in waiting)
        {
            try
            {
                var to = await hosts.ChooseOtherAsync(host, null, ct);
                await changes.ApplyAsync(volume, "migrating", async (own, row, now) =>
                {
                    if (row is not { Status: VolumeStatus.Available, Instance: null } || row.HostName != host)
                    {
                        return false;
                    }

                    await MigrateVolume.BeginAsync(own, row, now, ct);
                    own.Sagas().Start<VolumeMigrateSaga, VolumeSagaData>(
                        new VolumeSagaData(row.Id, From: host, To: to.Name), row.Id.Value);
                    return true;
                }, ct);
            }
            catch (CloudException not) when (not.Kind == ErrorKind.Conflict)
            {
                // There is no host for it now, or a snapshot of it is being taken: it waits.
            }
        }
    }
}
