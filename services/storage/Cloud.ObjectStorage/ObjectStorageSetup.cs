using System.Globalization;
using System.Net;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Contracts;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Neighbours;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.Private;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Logging;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.ObjectStorage.Scrub;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Outbound;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.ObjectStorage;

/// <summary>All of the object storage service: what it registers, its routes, and the S3 endpoint beside them.</summary>
public static class ObjectStorageSetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "object-storage";

    private static readonly TimeSpan LifecycleRoundMax = TimeSpan.FromMinutes(5);

    public static WebApplicationBuilder AddObjectStorage(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var configuration = builder.Configuration;
        var services = builder.Services;
        services.AddOptions<ObjectStorageOptions>()
            .Configure(options =>
            {
                var data = configuration["Cloud:Data"]!;
                options.Folder = Path.Combine(data, "objects");
                options.KeyFile = Path.Combine(data, "secrets", "objects.key");
                options.S3Port = int.Parse(configuration["Cloud:S3Port"] ?? "9000", CultureInfo.InvariantCulture);
                options.S3Address = AddressOf(configuration["URLS"]);
            })
            .BindConfiguration("Cloud:ObjectStorage").ValidateDataAnnotations().ValidateOnStart();
        builder.AddServiceDocument(
            Name, "Object storage", "Buckets and their objects, for programs that speak no S3. All else is done by S3, on its own port.");
        builder.AddCloudDatabase<ObjectStorageDbContext>(Name);
        builder.AddServiceMessaging<ObjectStorageDbContext>(Name, messaging =>
        {
            messaging.AddQuotas();
            messaging.AddHandler<AccessKeyRevoked, AccessKeyRevokedHandler>();
            messaging.AddReconciler<BlobSweeper>(TimeSpan.FromSeconds(2));
            messaging.AddReconciler<OrphanSweeper>(TimeSpan.FromMinutes(1));
            messaging.AddReconciler<UsageReporter>(TimeSpan.FromSeconds(5));
            messaging.AddReconciler<LifecycleRunner>(LifecycleRound(configuration));
            messaging.AddReconciler<WebhookSender>(TimeSpan.FromSeconds(2));
            messaging.AddReconciler<AccessLogs>(TimeSpan.FromSeconds(1));
            messaging.AddReconciler<Scrubber>(TimeSpan.FromMinutes(1));
        });
        AddStore(services);
        services.AddHttpClient(AccessKeyClient.Client, client =>
        {
            client.BaseAddress = new Uri(configuration["Cloud:Services:Identity"] ?? "http://127.0.0.1");
            client.Timeout = TimeSpan.FromSeconds(5);
        }).AddServiceKey();
        services.TryAddSingleton<IAccessKeySecrets, AccessKeyClient>();
        services.AddSingleton<PresignKeys>();
        services.AddSingleton<AccessKeys>();
        services.AddSingleton<SignatureVerifier>();
        services.AddSingleton<OwnerNames>();
        services.AddSingleton<S3Services>();
        services.AddSingleton<S3Application>();

        // In this order, so that the endpoint stops before what it writes with.
        services.AddHostedService(provider => provider.GetRequiredService<IndexWriter>());
        services.AddSingleton<S3Server>();
        services.AddHostedService(provider => provider.GetRequiredService<S3Server>());
        return builder;
    }

    public static void MapObjectStorage(this IEndpointRouteBuilder routes)
    {
        var storage = routes.MapGroup("").WithGroupName(Name).WithIdempotency<ObjectStorageDbContext>();
        storage.MapBuckets();
        storage.MapObjects();
        routes.MapPrivateBuckets();
        routes.MapBucketService();
    }

    private static void AddStore(IServiceCollection services)
    {
        services.AddSingleton<Disk>();
        services.AddSingleton<BlobStore>();
        services.AddSingleton<BlobReceiver>();
        services.AddSingleton<BlobReader>();
        services.AddSingleton<ObjectKeys>();
        services.AddSingleton<IndexReads>();
        services.AddSingleton<IndexWriter>();
        services.AddSingleton<BucketStore>();
        services.AddSingleton<BucketLife>();
        services.AddSingleton<ObjectStore>();
        services.AddSingleton<IPrivateObjects, PrivateObjects>();
        services.AddSingleton<IBuckets, BucketService>();
        // What these have seen is kept from one look to the next.
        services.AddSingleton<OrphanSweeper>();
        services.AddSingleton<AccessLogs>();
        services.AddSingleton<WebhookSecrets>();
        services.AddOptions<OutboundOptions>().BindConfiguration("Cloud:Outbound");
        services.TryAddSingleton<OutboundHttp>();
        services.AddSingleton<UsageReporter>();
    }

    /// <summary>Often enough for days of any length.</summary>
    private static TimeSpan LifecycleRound(ConfigurationManager configuration) =>
        TimeSpan.TryParse(configuration["Cloud:ObjectStorage:LifecycleDay"], CultureInfo.InvariantCulture, out var day)
            && day / 4 < LifecycleRoundMax
            ? day / 4
            : LifecycleRoundMax;

    /// <summary>Where the service listens, the S3 endpoint does: in a container that is every address, elsewhere loopback.</summary>
    private static IPAddress AddressOf(string? urls) =>
        Uri.TryCreate(urls?.Split(';')[0], UriKind.Absolute, out var url) && IPAddress.TryParse(url.Host, out var address)
            ? address
            : IPAddress.Loopback;
}
