using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Database.Archive;
using Cloud.Database.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Neighbours;
using Cloud.Database.Persistence;
using Cloud.Database.Redis;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.ObjectStorage.Contracts;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.Extensions.Options;

namespace Cloud.Database;

/// <summary>All of the database service: what it registers, and its routes.</summary>
public static class DatabaseSetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "database";

    public static WebApplicationBuilder AddDatabase(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var configuration = builder.Configuration;
        services.AddOptions<DatabaseOptions>()
            .Configure(options =>
            {
                var data = configuration["Cloud:Data"]!;
                options.Folder = Path.Combine(data, "databases");
                options.KeyFile = Path.Combine(data, "secrets", "database.key");
                // Where the service listens, its servers do: in a container that is every address, elsewhere loopback.
                options.ListensEverywhere = configuration["URLS"]?.Contains("//0.0.0.0:", StringComparison.Ordinal) == true;
                options.AuthorityFile = Path.Combine(data, "secrets", "database-ca.key");
            })
            .BindConfiguration("Cloud:Database").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<DatabaseOptions>>().Value);
        builder.AddServiceDocument(
            Name, "Databases", "PostgreSQL and Redis servers that can be brought back to any time of their recovery window.");
        builder.AddCloudDatabase<DatabaseDbContext>(Name);
        builder.AddCallsTo<IPrivateObjects>("ObjectStorage", client => new HttpPrivateObjects(client))
            .AddCallsTo<IInstances>("Compute", client => new HttpInstances(client))
            .AddCallsTo<IBlockStorage>("BlockStorage", client => new HttpBlockStorage(client));
        services.AddSingleton<PasswordBox>();
        services.AddSingleton<ServerPrograms>();
        services.AddSingleton<ServerTemplate>();
        services.AddSingleton<ServerCertificates>();
        services.AddSingleton<ServerConnections>();
        services.AddSingleton<ServerProcesses>();
        services.AddSingleton<PostgresImage>();
        services.AddSingleton<RedisImage>();
        services.AddSingleton<ServerContainers>();
        services.AddSingleton(provider => new ServerPlaces(
            provider.GetRequiredService<ServerProcesses>(),
            HasCompute(provider) ? provider.GetRequiredService<ServerContainers>() : null,
            provider.GetRequiredService<DatabaseOptions>()));
        services.AddSingleton<ServerControl>();
        services.AddSingleton<ParameterCatalog>();
        services.AddSingleton<LogArchivers>();
        services.AddSingleton<DatabaseArchive>();
        services.AddSingleton<PostgresEngine>();
        services.AddSingleton<RedisParameters>();
        services.AddSingleton<RedisArchive>();
        services.AddSingleton<RedisConnections>();
        services.AddSingleton<RedisProcesses>();
        services.AddSingleton<RedisContainers>();
        services.AddSingleton<RedisEngine>();
        services.AddSingleton<ServerEngines>();
        services.AddSingleton<DatabaseChanges>();
        services.AddSingleton<DatabaseTurns>();
        services.AddSingleton<DatabaseWaiter>();
        services.AddSingleton<IDatabases, DatabaseService>();
        services.AddScoped<DatabaseSteps>();
        services.AddScoped<DatabaseAction>();
        services.AddScoped<DatabaseMaker>();
        services.AddScoped<RecoveryWindow>();
        builder.AddServiceMessaging<DatabaseDbContext>(Name, messaging =>
        {
            messaging.AddSaga<DatabaseCreateSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseStopSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseStartSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseRestartSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseResizeSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseRestoreSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseUndoRestoreSaga, DatabaseSagaData>();
            messaging.AddSaga<DatabaseDeleteSaga, DatabaseSagaData>();
            messaging.AddReconciler<ServerKeeper>(TimeSpan.FromSeconds(2));
            messaging.AddReconciler<ArchiveKeeper>(TimeSpan.FromSeconds(2));
            messaging.AddReconciler<DatabaseNetwork>(TimeSpan.FromMinutes(5));
            messaging.AddReconciler<ArchiveTrimmer>(TimeSpan.FromMinutes(10));
            messaging.AddReconciler<ContainerSweeper>(TimeSpan.FromMinutes(5));
            messaging.AddQuotas();
        });
        return builder;
    }

    public static void MapDatabase(this IEndpointRouteBuilder routes)
    {
        routes.MapGroup("").WithGroupName(Name).WithIdempotency<DatabaseDbContext>().MapDatabases();
        routes.MapDatabaseService();
    }

    /// <summary>There are instances and volumes for servers to be made of.</summary>
    private static bool HasCompute(IServiceProvider provider) =>
        provider.GetService<IInstances>() is not null && provider.GetService<IBlockStorage>() is not null;
}
