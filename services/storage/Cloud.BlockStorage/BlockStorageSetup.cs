using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Neighbours;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.BlockStorage;

/// <summary>All of the block storage service: what it registers, and its routes.</summary>
public static class BlockStorageSetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "block-storage";

    /// <summary>Longer than a guest may take to let go of a volume.</summary>
    private static readonly TimeSpan HostsLimit = TimeSpan.FromMinutes(1);

    public static WebApplicationBuilder AddBlockStorage(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.AddServiceDocument(Name, "Block storage", "Volumes that outlive the instances they are attached to, and their snapshots.");
        builder.AddCloudDatabase<BlockStorageDbContext>(Name);
        builder.AddCallsTo<IVolumeHosts>("Compute", client => new HttpVolumeHosts(client), HostsLimit);
        builder.Services.AddSingleton<VolumeChanges>();
        builder.Services.AddSingleton<VolumeWaiter>();
        builder.Services.AddSingleton<SnapshotChanges>();
        builder.Services.AddSingleton<SnapshotWaiter>();
        builder.Services.AddSingleton<IBlockStorage, BlockStorageService>();
        builder.Services.AddScoped<SnapshotSteps>();
        builder.Services.AddScoped<VolumeSteps>();
        builder.Services.AddScoped<VolumeAction>();
        builder.AddServiceMessaging<BlockStorageDbContext>(Name, messaging =>
        {
            messaging.AddSaga<VolumeCreateSaga, VolumeSagaData>();
            messaging.AddSaga<VolumeResizeSaga, VolumeSagaData>();
            messaging.AddSaga<VolumeMigrateSaga, VolumeSagaData>();
            messaging.AddSaga<VolumeDepartureSaga, VolumeDepartureSagaData>();
            messaging.AddReconciler<VolumeDrains>(VolumeDrains.Every);
            messaging.AddSaga<VolumeAttachSaga, VolumeSagaData>();
            messaging.AddSaga<VolumeDetachSaga, VolumeSagaData>();
            messaging.AddSaga<VolumeRestoreSaga, VolumeSagaData>();
            messaging.AddSaga<SnapshotCreateSaga, SnapshotSagaData>();
            messaging.AddSaga<SnapshotDeleteSaga, SnapshotSagaData>();
            messaging.AddSaga<VolumeDeleteSaga, VolumeSagaData>();
            messaging.AddHandler<ResourceEvent, ReleaseVolumes>();
            messaging.AddReconciler<AttachmentReconciler>(AttachmentReconciler.Every);
            messaging.AddQuotas();
        });
        return builder;
    }

    public static void MapBlockStorage(this IEndpointRouteBuilder routes)
    {
        var storage = routes.MapGroup("").WithGroupName(Name).WithIdempotency<BlockStorageDbContext>();
        storage.MapVolumes();
        storage.MapSnapshots();
        storage.MapBlockStorageService();
    }
}
