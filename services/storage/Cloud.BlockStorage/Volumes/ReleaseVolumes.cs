using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>An instance was deleted: its volumes are free, or go with it where they were attached so.</summary>
internal sealed class ReleaseVolumes(TimeProvider time) : IMessageHandler<BlockStorageDbContext, ResourceEvent>
{
    private const string InstanceDeleted = "instance.deleted";

    public async Task HandleAsync(ResourceEvent message, BlockStorageDbContext db, CancellationToken ct)
    {
        if (message.Type != InstanceDeleted)
        {
            return;
        }

        foreach (var volume in await db.Volumes.Existing().Where(row => row.Instance == message.Resource).ToListAsync(ct))
        {
            var goes = volume.DeleteOnTermination && !volume.DeletionProtection;
            if (goes)
            {
                volume.GoesWithInstance(time.GetUtcNow());
                db.Sagas().Start<VolumeDeleteSaga, VolumeSagaData>(new VolumeSagaData(volume.Id), volume.Id.Value);
            }
            else
            {
                volume.IsOrphaned(time.GetUtcNow());
            }

            db.AddVolumeEvent(volume, goes ? "deleting" : "detached");
        }
    }
}
