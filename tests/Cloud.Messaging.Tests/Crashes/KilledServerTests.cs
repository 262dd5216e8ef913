using System.Data.Common;
using Cloud.Messaging.Tests.Kit;
using Cloud.Testing;
using Cloud.Testing.Servers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Messaging.Tests.Crashes;

public sealed class KilledServerTests(Servers servers) : ServiceTest(servers)
{
    [Fact]
    public async Task Broker_KilledUnderLoad_DelaysAndLosesNothing()
    {
        await using var broker = new PrivateRabbitMq();
        var settings = await SettingsAsync(Profile.Distributed) with { RabbitMq = broker.Uri };

        // The broker is not there yet: the service starts and serves all the same.
        await using var node = await TestNode.StartAsync(settings, busIsUp: false);
        await node.MakeAsync("early", 1);
        await BusIsAsync(node, HealthStatus.Unhealthy);

        await broker.StartAsync();
        await Eventually.HoldsAsync(node.OutboxIsEmptyAsync, "what waited leaves");

        // The queue is as new as can be.
        await broker.KillAsync();
        await broker.StartAsync();
        await BusIsAsync(node, HealthStatus.Healthy);
        for (var round = 0; round < 3; round++)
        {
            var publishing = PublishAsync(node, round, 60);
            await broker.KillAsync();
            await publishing;
            await BusIsAsync(node, HealthStatus.Unhealthy);
            await broker.StartAsync();
        }

        await AssertAllCameOnceInOrderAsync(node, node);
        await BusIsAsync(node, HealthStatus.Healthy);
    }

    [Fact]
    public async Task Database_KilledUnderLoad_LosesNothingThatWasCommitted()
    {
        await using var postgres = await PrivatePostgres.StartNewAsync();
        var settings = await SettingsAsync(Profile.Distributed) with { Postgres = postgres.ConnectionString };
        await using var node = await TestNode.StartAsync(settings);
        var acknowledged = 0;
        for (var round = 0; round < 3; round++)
        {
            var publishing = Task.WhenAll(Enumerable.Range(0, 4).Select(key => MakeUntilItFailsAsync($"{round}-{key}")));
            await Eventually.HoldsAsync(() => Volatile.Read(ref acknowledged) > (round + 1) * 20, "some are committed");
            await postgres.KillAsync();
            await publishing;
            await postgres.StartAsync();
        }

        await AssertAllCameOnceInOrderAsync(node, node);
        (await node.EffectsAsync()).Count.ShouldBeGreaterThanOrEqualTo(acknowledged);

        async Task MakeUntilItFailsAsync(string key)
        {
            try
            {
                for (var number = 0; ; number++)
                {
                    await node.MakeAsync(key, number);
                    Interlocked.Increment(ref acknowledged);
                }
            }
            catch (Exception gone) when (gone is DbException or DbUpdateException or InvalidOperationException)
            {
                // As a caller would see it while the server is away.
            }
        }
    }

    private static Task PublishAsync(TestNode node, int round, int count) => Task.WhenAll(Enumerable.Range(0, 4).Select(async key =>
    {
        for (var number = 0; number < count; number++)
        {
            await node.MakeAsync($"{round}-{key}", number);
        }
    }));

    private static Task BusIsAsync(TestNode node, HealthStatus status) =>
        Eventually.HoldsAsync(async () => (await node.HealthAsync()).Entries["bus"].Status == status, $"the bus is {status}");
}
