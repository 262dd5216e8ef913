using Cloud.Persistence;
using Cloud.Testing;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Cloud.Messaging.Tests.Kit;

/// <summary>Where a node's data lies and by which bus it speaks; also what a process that is to be killed is told.</summary>
/// <param name="Name">Unlike any other test's: names the databases and the queue.</param>
/// <param name="Postgres">Null for SQLite below <paramref name="Data"/>.</param>
/// <param name="RabbitMq">Null for the bus in memory.</param>
internal sealed record NodeSettings(string Name, string Data, string? Postgres = null, string? RabbitMq = null)
{
    public string Source => $"{Name}source";

    public string Sink => $"{Name}sink";
}

/// <summary>
/// A process of a cloud, as far as messaging is concerned: one or both of the tests' services. Several of one settings are replicas.
/// </summary>
internal sealed class TestNode : IAsyncDisposable
{
    private readonly IHost _host;

    private TestNode(IHost host) => _host = host;

    public IServiceProvider Services => _host.Services;

    /// <summary>Starts it, and waits until its queues are there.</summary>
    /// <param name="busIsUp">False where there is no broker to wait for.</param>
    public static async Task<TestNode> StartAsync(
        NodeSettings settings,
        bool source = true,
        bool sink = true,
        bool busIsUp = true,
        Action<IHostApplicationBuilder>? configure = null,
        Action<ServiceMessaging<SourceDb>>? sourceMessaging = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cloud:Data"] = settings.Data,
            ["Cloud:Postgres"] = settings.Postgres,
            ["Cloud:RabbitMq"] = settings.RabbitMq,
        });
        builder.Logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace).SetMinimumLevel(LogLevel.Error);
        builder.Services.AddSingleton<NumberTrouble>();
        builder.AddCloudMessaging();
        if (source)
        {
            builder.AddCloudDatabase<SourceDb>(settings.Source);
            builder.AddServiceMessaging<SourceDb>(settings.Source, messaging => sourceMessaging?.Invoke(messaging));
        }

        if (sink)
        {
            builder.AddCloudDatabase<SinkDb>(settings.Sink);
            builder.AddServiceMessaging<SinkDb>(settings.Sink, messaging => messaging.AddHandler<NumberMade, NumberHandler>());
        }

        configure?.Invoke(builder);
        var host = builder.Build();
        if (source)
        {
            await MakeTablesAsync<SourceDb>(host.Services);
        }

        if (sink)
        {
            await MakeTablesAsync<SinkDb>(host.Services);
        }

        await host.StartAsync();
        if (busIsUp && host.Services.GetService<IBusControl>() is { } bus)
        {
            await Eventually.HoldsAsync(() => bus.CheckHealth().Status == BusHealthStatus.Healthy, "the bus is up");
        }

        return new TestNode(host);
    }

    public Task<SourceDb> SourceAsync() => Services.GetRequiredService<IDbContextFactory<SourceDb>>().CreateDbContextAsync();

    public Task<SinkDb> SinkAsync() => Services.GetRequiredService<IDbContextFactory<SinkDb>>().CreateDbContextAsync();

    /// <summary>Commits a number with the message that speaks of it; or rolls both back.</summary>
    public async Task MakeAsync(string key, int number, bool commit = true)
    {
        await using var db = await SourceAsync();
        await using var transaction = await db.Database.BeginTransactionAsync();
        db.Made.Add(new Made { Key = key, Number = number });
        db.Outbox().Add(new NumberMade(key, number), key);
        await db.SaveChangesAsync();
        if (commit)
        {
            await transaction.CommitAsync();
        }
    }

    public async Task<bool> OutboxIsEmptyAsync()
    {
        await using var db = await SourceAsync();
        return !await db.Set<OutboxMessage>().AnyAsync();
    }

    public async Task<IReadOnlyList<Effect>> EffectsAsync()
    {
        await using var db = await SinkAsync();
        return await db.Effects.AsNoTracking().OrderBy(effect => effect.Id).ToListAsync();
    }

    public async Task<HealthReport> HealthAsync() => await Services.GetRequiredService<HealthCheckService>().CheckHealthAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
    }

    private static Task MakeTablesAsync<TContext>(IServiceProvider services)
        where TContext : DbContext =>
        services.PrepareCloudDatabaseAsync<TContext>(context => context.Database.EnsureCreatedAsync(), CancellationToken.None);
}
