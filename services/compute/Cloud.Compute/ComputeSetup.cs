using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.KeyPairs;
using Cloud.Compute.Neighbours;
using Cloud.Compute.Networks;
using Cloud.Compute.Persistence;
using Cloud.Compute.Volumes;
using Cloud.Compute.WarmStates;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Outbound;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Compute;

/// <summary>All of the compute service: what it registers, and its routes.</summary>
public static class ComputeSetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "compute";

    private static readonly TimeSpan BlockStorageLimit = TimeSpan.FromSeconds(100);

    public static WebApplicationBuilder AddCompute(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configuration = builder.Configuration;
        var data = configuration["Cloud:Data"]!;
        builder.Services.AddOptions<ImageOptions>()
            .Configure(options =>
            {
                options.Cache = configuration["Cloud:Cache"]!;
                options.Imported = Path.Combine(data, "images");
            })
            .BindConfiguration("Cloud:Images").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<OutboundOptions>().BindConfiguration("Cloud:Outbound");
        builder.AddServiceDocument(Name, "Compute", "Images, instance types, key pairs, instances and the hosts they run on.");
        builder.AddCloudDatabase<ComputeDbContext>(Name);
        builder.Services.AddHttpClient(HostLinks.Client).AddServiceKey();
        builder.AddCallsTo<IBlockStorage>("BlockStorage", client => new HttpBlockStorage(client), BlockStorageLimit);
        builder.Services.AddHealthChecks().AddCheck<HostsHealthCheck>("hosts");
        builder.Services.AddSingleton<OutboundHttp>();
        builder.Services.AddSingleton<ImageFiles>();
        builder.Services.AddSingleton<ImageImport>();
        builder.Services.AddSingleton<ImageWaiter>();
        builder.Services.AddSingleton<HostDirectory>();
        builder.Services.AddSingleton<EngineExaminations>();
        builder.Services.AddSingleton<GuestReports>();
        builder.Services.AddSingleton<PortAllocator>();
        builder.Services.AddSingleton<InstanceChanges>();
        builder.Services.AddSingleton<InstanceSteps>();
        builder.Services.AddSingleton<InstanceWaiter>();
        builder.Services.AddSingleton<InstanceSnapshotChanges>();
        builder.Services.AddSingleton<InstanceSnapshotSteps>();
        builder.Services.AddSingleton<InstanceSnapshotWaiter>();
        builder.Services.AddSingleton<WarmStateSteps>();
        builder.Services.AddSingleton<WarmStateWaiter>();
        builder.Services.AddSingleton<InstanceReads>();
        builder.Services.AddSingleton<IVolumeHosts, VolumeHosts>();
        builder.Services.AddSingleton<IInstances, InstanceService>();
        builder.Services.AddScoped<InstanceAction>();
        // What these have seen is kept from one look to the next.
        builder.Services.AddSingleton<HostLinks>();
        builder.Services.AddSingleton<ImageCatalog>();
        builder.Services.AddSingleton<NetworkServices>();
        builder.AddServiceMessaging<ComputeDbContext>(Name, messaging =>
        {
            messaging.AddSaga<InstanceCreateSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceStartSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceStopSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceRebootSaga, InstanceSagaData>();
            messaging.AddSaga<InstancePauseSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceResumeSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceSuspendSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceForkSaga, InstanceForkSagaData>();
            messaging.AddSaga<InstanceMigrateSaga, InstanceMigrateSagaData>();
            messaging.AddSaga<InstanceDepartureSaga, InstanceDepartureSagaData>();
            messaging.AddSaga<InstanceRestoreSaga, InstanceRestoreSagaData>();
            messaging.AddSaga<InstanceSnapshotCreateSaga, InstanceSnapshotSagaData>();
            messaging.AddSaga<InstanceSnapshotDeleteSaga, InstanceSnapshotSagaData>();
            messaging.AddSaga<InstanceResizeSaga, InstanceSagaData>();
            messaging.AddSaga<InstanceDeleteSaga, InstanceSagaData>();
            messaging.AddSaga<ImageImportSaga, ImageSagaData>();
            messaging.AddSaga<WarmStateSaga, WarmStateSagaData>();
            messaging.AddQuotas();
            messaging.AddHandler<SetNetworkService, SetNetworkServiceHandler>();
            messaging.AddReconciler<InstanceTypePresets>(TimeSpan.FromMinutes(10));
            messaging.AddReconciler<ImageCatalog>(TimeSpan.FromSeconds(1));
            messaging.AddReconciler<HostLinks>(TimeSpan.FromSeconds(5));
            messaging.AddReconciler<NetworkServices>(TimeSpan.FromSeconds(1));
            messaging.AddReconciler<GuestReaper>(TimeSpan.FromSeconds(10));
            messaging.AddReconciler<WarmStateKeeper>(TimeSpan.FromSeconds(10));
            messaging.AddReconciler<HostDrains>(TimeSpan.FromSeconds(1));
            messaging.AddReconciler<InstanceDeadlines>(TimeSpan.FromSeconds(5));
        });
        return builder;
    }

    public static void MapCompute(this IEndpointRouteBuilder routes)
    {
        var compute = routes.MapGroup("").WithGroupName(Name).WithIdempotency<ComputeDbContext>();
        compute.MapImages();
        compute.MapWarmStates();
        compute.MapInstanceTypes();
        compute.MapKeyPairs();
        compute.MapInstances();
        compute.MapInstanceSnapshots();
        compute.MapHosts();
        compute.MapVolumeHosts();
        compute.MapInstanceService();
    }
}
