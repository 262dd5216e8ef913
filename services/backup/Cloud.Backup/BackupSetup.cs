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
        if (builder.Configuration["Cloud:Services:BlockStorage"] is { Length: > 0 } blockStorage)
        {
            services.AddHttpClient(HttpBlockStorage.Client, client =>
            {
                client.BaseAddress = new Uri(blockStorage);
                client.Timeout = Timeout.InfiniteTimeSpan;
            }).AddServiceKey();
            services.AddSingleton<IBlockStorage>(provider => new HttpBlockStorage(
                () => provider.GetRequiredService<IHttpClientFactory>().CreateClient(HttpBlockStorage.Client)));
        }

        if (builder.Configuration["Cloud:Services:Compute"] is { Length: > 0 } compute)
        {
            services.AddHttpClient(ComputeCalls.Client, client =>
            {
                client.BaseAddress = new Uri(compute);
                client.Timeout = Timeout.InfiniteTimeSpan;
            }).AddServiceKey();
            services.AddSingleton<IInstances>(provider => new HttpInstances(() => ComputeOf(provider)));
            services.AddSingleton<IVolumeHosts>(provider => new HttpVolumeHosts(() => ComputeOf(provider)));
        }

        if (builder.Configuration["Cloud:Services:ObjectStorage"] is { Length: > 0 } objects)
        {
            services.AddHttpClient(HttpBuckets.Client, client =>
            {
                client.BaseAddress = new Uri(objects);
                client.Timeout = Timeout.InfiniteTimeSpan;
            }).AddServiceKey();
            services.AddSingleton<IBuckets>(provider => new HttpBuckets(() => ObjectsOf(provider)));
            services.AddSingleton<IPrivateObjects>(provider => new HttpPrivateObjects(() => ObjectsOf(provider)));
        }

        if (builder.Configuration["Cloud:Services:Database"] is { Length: > 0 } database)
        {
            services.AddHttpClient(HttpDatabases.Client, client =>
            {
                client.BaseAddress = new Uri(database);
                client.Timeout = Timeout.InfiniteTimeSpan;
            }).AddServiceKey();
            services.AddSingleton<IDatabases>(provider => new HttpDatabases(
                () => provider.GetRequiredService<IHttpClientFactory>().CreateClient(HttpDatabases.Client)));
        }

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

    private static HttpClient ObjectsOf(IServiceProvider provider) =>
        provider.GetRequiredService<IHttpClientFactory>().CreateClient(HttpBuckets.Client);

    private static HttpClient ComputeOf(IServiceProvider provider) =>
        provider.GetRequiredService<IHttpClientFactory>().CreateClient(ComputeCalls.Client);
}
