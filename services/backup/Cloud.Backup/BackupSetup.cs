using Cloud.Backup.Jobs;
using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Sources;
using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Database.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Contracts;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Outbound;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.Backup;

/// <summary>All of the backup service: what it registers, and its routes.</summary>
public static class BackupSetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "backup";

    public static WebApplicationBuilder AddBackups(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var data = builder.Configuration["Cloud:Data"]!;
        services.AddOptions<BackupOptions>()
            .Configure(options =>
            {
                options.Data = Path.GetFullPath(data);
                options.KeyFile = Path.Combine(options.Data, "secrets", "backup.key");
            })
            .BindConfiguration("Cloud:Backup").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<OutboundOptions>().BindConfiguration("Cloud:Outbound");
        builder.AddServiceDocument(Name, "Backup", "Vaults, backup plans, jobs and recovery points.");
        builder.AddCloudDatabase<BackupDbContext>(Name);
        builder.AddCallsTo<IBlockStorage>("BlockStorage", client => new HttpBlockStorage(client))
            .AddCallsTo<IInstances>("Compute", client => new HttpInstances(client))
            .AddCallsTo<IVolumeHosts>("Compute", client => new HttpVolumeHosts(client))
            .AddCallsTo<IBuckets>("ObjectStorage", client => new HttpBuckets(client))
            .AddCallsTo<IPrivateObjects>("ObjectStorage", client => new HttpPrivateObjects(client))
            .AddCallsTo<IDatabases>("Database", client => new HttpDatabases(client));
        services.TryAddSingleton<OutboundHttp>();
        services.AddSingleton<BackupSettings>();
        services.AddSingleton<SecretSeal>();
        services.AddSingleton<OpenVaults>();
        services.AddSingleton<NewVaults>();
        services.AddSingleton<BackupSources>();
        services.AddSingleton<PlanRequests>();
        services.AddSingleton<PlanRetention>();
        services.AddSingleton<PlanRuns>();
        services.AddSingleton<DamageMarks>();
        services.AddSingleton<JobChanges>();
        services.AddSingleton<JobWaiter>();
        services.AddSingleton<JobWork>();
        services.AddSingleton<BlockVolumes>();
        services.AddSingleton<InstanceDisks>();
        services.AddSingleton<IBackupSource, InstanceSource>();
        services.AddSingleton<IBackupSource, VolumeSource>();
        services.AddSingleton<IBackupSource, BucketSource>();
        services.AddSingleton<IBackupSource, DatabaseSource>();
        // What runs is kept from one look to the next.
        services.AddSingleton<JobRunner>();
        services.AddSingleton<WebhookSender>();
        builder.AddServiceMessaging<BackupDbContext>(Name, messaging =>
        {
            messaging.AddQuotas();
            messaging.AddReconciler<JobRunner>(TimeSpan.FromSeconds(1));
            messaging.AddReconciler<PlanScheduler>(TimeSpan.FromSeconds(5));
            messaging.AddReconciler<VaultKeeper>(TimeSpan.FromSeconds(5));
            messaging.AddReconciler<WebhookSender>(TimeSpan.FromSeconds(5));
        });
        return builder;
    }

    public static void MapBackups(this IEndpointRouteBuilder routes)
    {
        var backup = routes.MapGroup("").WithGroupName(Name).WithIdempotency<BackupDbContext>();
        backup.MapVaults();
        backup.MapPlans();
        backup.MapJobs();
        backup.MapRecoveryPoints();
    }
}
