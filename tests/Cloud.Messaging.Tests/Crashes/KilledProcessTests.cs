using Cloud.Messaging.Tests.Kit;

namespace Cloud.Messaging.Tests.Crashes;

public sealed class KilledProcessTests(Servers servers, ITestOutputHelper output) : ServiceTest(servers)
{
    private const int Rounds = 6;

    private static readonly TimeSpan LifeMax = TimeSpan.FromSeconds(1.5);

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Publisher_KilledUnderLoad_LosesNothingAndDoublesNothing(Profile profile)
    {
        var settings = await SettingsAsync(profile);
        var (seed, chance) = Chance();

        // A service gets what is published after its queue first existed.
        await (await TestNode.StartAsync(settings)).DisposeAsync();
        for (var round = 0; round < Rounds; round++)
        {
            await using var publisher = await WorkerProcess.StartAsync(new WorkerTask(settings, WorkerRole.Publish, seed + round));
            await Task.Delay(LifeMax * chance.NextDouble());
            await publisher.KillAsync();
        }

        await using var node = await TestNode.StartAsync(settings);
        await AssertAllCameOnceInOrderAsync(node, node);
        (await node.EffectsAsync()).Count.ShouldBeGreaterThan(Rounds, "the publishers were at work");
    }

    [Fact]
    public async Task Consumer_KilledWhileItHandles_TakesEffectOnceInOrder()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        var (seed, chance) = Chance();
        await using var source = await TestNode.StartAsync(settings, sink: false);
        await using var standby = await WorkerProcess.StartAsync(new WorkerTask(settings, WorkerRole.Handle, seed));
        var publishing = Task.WhenAll(Enumerable.Range(0, 4).Select(async key =>
        {
            for (var number = 0; number < 100; number++)
            {
                await source.MakeAsync($"key-{key}", number);
            }
        }));
        for (var round = 1; round < Rounds; round++)
        {
            await using var consumer = await WorkerProcess.StartAsync(new WorkerTask(settings, WorkerRole.Handle, seed + round));
            await Task.Delay(LifeMax * chance.NextDouble());
            await consumer.KillAsync();
        }

        await standby.KillAsync();
        await publishing;
        await using var sink = await TestNode.StartAsync(settings, source: false);
        await AssertAllCameOnceInOrderAsync(source, sink);
    }

    private (int Seed, Random Chance) Chance()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        return (seed, new Random(seed));
    }
}
