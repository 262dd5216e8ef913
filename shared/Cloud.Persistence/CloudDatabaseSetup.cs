using Cloud.Persistence.Postgres;
using Cloud.Persistence.Sqlite;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Npgsql;

namespace Cloud.Persistence;

/// <summary>Registers a service's database: PostgreSQL where <c>Cloud:Postgres</c> is set, else SQLite below <c>Cloud:Data</c>.</summary>
public static class CloudDatabaseSetup
{
    /// <summary>
    /// Adds a pooled <see cref="IDbContextFactory{TContext}"/> and a scoped <typeparamref name="TContext"/>. Interceptors that are
    /// registered as <see cref="IInterceptor"/> take part.
    /// </summary>
    /// <param name="name">The service's name, which names the database: <c>compute</c>.</param>
    public static IHostApplicationBuilder AddCloudDatabase<TContext>(this IHostApplicationBuilder builder, string name)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton(provider => Locate<TContext>(name, provider.GetRequiredService<IConfiguration>()));
        services.AddPooledDbContextFactory<TContext>((provider, options) =>
        {
            Configure(options, provider.GetRequiredService<CloudDatabase<TContext>>(), provider.GetRequiredService<TimeProvider>());
            options.AddInterceptors(provider.GetServices<IInterceptor>());
        });
        services.TryAddScoped(provider => provider.GetRequiredService<IDbContextFactory<TContext>>().CreateDbContext());
        services.AddHealthChecks().AddCheck<DatabaseHealthCheck<TContext>>($"{name}-database");
        return builder;
    }

    /// <summary>The options of a context on one of both databases; also what the migrations are made with.</summary>
    internal static void Configure<TContext>(DbContextOptionsBuilder options, CloudDatabase<TContext> database, TimeProvider time)
        where TContext : DbContext
    {
        options.AddInterceptors(new VersionInterceptor());
        var migrations = MigrationAssemblies.NameOf(typeof(TContext), database.IsPostgres);
        if (database.Postgres is { } postgres)
        {
            options.UseNpgsql(
                postgres, npgsql => npgsql.MigrationsAssembly(migrations).ExecutionStrategy(dependencies => new SafeRetries(dependencies)));
            options.AddInterceptors(new PatientConnections(time), new FailedCommits(), new FailedChanges());
            return;
        }

        options.UseSqlite(
            new SqliteConnectionStringBuilder { DataSource = database.File }.ToString(), sqlite => sqlite.MigrationsAssembly(migrations));
        options.AddInterceptors(new SqliteConnectionInterceptor(), new GatedTransactions(database.Gate), new GatedCommands(database.Gate));
        options.ReplaceService<IRelationalTransactionFactory, GatedTransactionFactory>();
    }

    private static CloudDatabase<TContext> Locate<TContext>(string name, IConfiguration configuration)
        where TContext : DbContext
    {
        if (configuration["Cloud:Postgres"] is { Length: > 0 } server)
        {
            var connection = new NpgsqlConnectionStringBuilder(server) { Database = name, ApplicationName = $"cloud-{name}" };
            connection.MaxPoolSize = Math.Min(connection.MaxPoolSize, CloudDatabase.PoolSizeMax);
            return new CloudDatabase<TContext>(name, connection.ToString(), null);
        }

        var folder = Path.Combine(Path.GetFullPath(configuration["Cloud:Data"] ?? ".cloud"), "db");
        return new CloudDatabase<TContext>(name, null, Path.Combine(folder, $"{name}.db"));
    }
}
