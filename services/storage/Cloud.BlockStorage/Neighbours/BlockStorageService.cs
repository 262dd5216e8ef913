using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Volumes;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Neighbours;

/// <summary>What the cloud's other services ask of block storage: the same rows, guards and sagas as a user's calls.</summary>
internal sealed class BlockStorageService(
    IDbContextFactory<BlockStorageDbContext> databases, VolumeChanges changes, VolumeWaiter waiter) : IBlockStorage
{
    /// <summary>How long a call is held for what usually takes less than a second.</summary>
    private static readonly WaitQuery AWhile = new(TimeSpan.FromSeconds(5));

    public async Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Volumes.AsNoTracking().FindNamedOrDefaultAsync(project, volume, ct) is { } row ? ViewOf(row) : null;
    }

    public async Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct)
    {
        var volume = await RequireAsync(attachment.Project, attachment.Volume, ct);
        await changes.ApplyAsync(volume.Id, "attaching", (db, row, now) =>
        {
            if (row.Instance == attachment.Instance)
            {
                return Task.FromResult(false);
            }

            row.BeginAttach(attachment.Instance, attachment.ReadOnly, attachment.DeleteOnTermination, now);
            db.Sagas().Start<VolumeAttachSaga, VolumeSagaData>(new VolumeSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        var latest = await waiter.WaitAsync(volume, AWhile, ct);
        return latest.Instance == attachment.Instance
            ? ViewOf(latest)
            : throw CloudException.Conflict("volume-not-attached", $"Volume '{latest.Name}' was not attached: {latest.StatusReason}");
    }

    public async Task ReleaseAsync(string project, string instance, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var volume in await db.Volumes.AsNoTracking().Existing()
            .Where(row => row.Project == project && row.Instance == instance).Select(row => row.Id).ToListAsync(ct))
        {
            await changes.ApplyAsync(volume, "detached", (_, row, now) =>
            {
                var has = row.Instance == instance;
                if (has)
                {
                    row.IsOrphaned(now);
                }

                return Task.FromResult(has);
            }, ct);
        }
    }

    private async Task<Volume> RequireAsync(string project, string volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Volumes.AsNoTracking().FindNamedOrDefaultAsync(project, volume, ct)
            ?? throw CloudException.NotFound("volume", volume);
    }

    private static BlockVolume ViewOf(Volume row) => new(
        row.Id.Value, row.Name, EnumWords.Of(row.Status), row.StatusReason, row.SizeBytes, row.HostName, row.Instance);
}
