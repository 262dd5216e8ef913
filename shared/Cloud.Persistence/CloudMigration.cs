using Cloud.Persistence.Postgres;
using Cloud.Persistence.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cloud.Persistence;

/// <summary>Brings a service's database up to the service's model, at its start.</summary>
public static class CloudMigration
{
    /// <summary>
    /// Makes the database where there is none and applies what migrations it lacks. Replicas that start at once take turns.
    /// </summary>
    /// <exception cref="Npgsql.NpgsqlException">The server did not answer for a long time.</exception>
    public static async Task MigrateCloudDatabaseAsync<TContext>(this IServiceProvider services, CancellationToken ct = default)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(services);
        var database = services.GetRequiredService<CloudDatabase<TContext>>();
        MigrationAssemblies.Load(typeof(TContext), database.IsPostgres);
        await services.PrepareCloudDatabaseAsync<TContext>(context => context.Database.MigrateAsync(ct), ct);
    }

    /// <summary>The same with something else than migrations: a test makes its tables from the model.</summary>
    internal static async Task PrepareCloudDatabaseAsync<TContext>(
        this IServiceProvider services, Func<TContext, Task> prepare, CancellationToken ct)
        where TContext : DbContext
    {
        var database = services.GetRequiredService<CloudDatabase<TContext>>();
        var time = services.GetRequiredService<TimeProvider>();
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(CloudMigration));
        await using var turn = database.IsPostgres
            ? await PostgresMigrationTurn.TakeAsync(database, time, log, ct)
            : await SqliteMigrationTurn.TakeAsync(database.File!, time, ct);
        await using var context = await services.GetRequiredService<IDbContextFactory<TContext>>().CreateDbContextAsync(ct);
        await prepare(context);
    }
}
