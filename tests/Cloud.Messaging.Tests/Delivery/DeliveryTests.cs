using Cloud.Messaging.Tests.Kit;
using Cloud.Testing;
using Cloud.Testing.Servers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Cloud.Messaging.Tests.Delivery;

public sealed class DeliveryTests(Servers servers) : ServiceTest(servers)
{
    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Message_OfACommittedTransaction_Arrives(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile));

        await node.MakeAsync("a", 1);

        await AssertAllCameOnceInOrderAsync(node, node);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Message_OfARolledBackTransaction_NeverArrives(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile));

        await node.MakeAsync("a", 1, commit: false);
        await node.MakeAsync("a", 2);

        await AssertAllCameOnceInOrderAsync(node, node);
        (await node.EffectsAsync()).Select(effect => effect.Number).ShouldBe([2]);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Messages_OfManyKeys_ArriveInTheOrderOfEachKey(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile));

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async key =>
        {
            for (var number = 0; number < 25; number++)
            {
                await node.MakeAsync($"key-{key}", number);
            }
        }));

        await AssertAllCameOnceInOrderAsync(node, node);
    }

    [Fact]
    public async Task Messages_WithSeveralRelaysAndConsumers_ArriveOnceInTheOrderOfEachKey()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        var nodes = new List<TestNode>();
        for (var replica = 0; replica < 3; replica++)
        {
            nodes.Add(await TestNode.StartAsync(settings));
        }

        try
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(async key =>
            {
                for (var number = 0; number < 50; number++)
                {
                    // The numbers of a key are committed by one replica after another.
                    await nodes[(key + number) % nodes.Count].MakeAsync($"key-{key}", number);
                }
            }));

            await AssertAllCameOnceInOrderAsync(nodes[0], nodes[1]);
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Message_WhenAConsumerStops_IsTakenOverByItsReplica()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        await using var source = await TestNode.StartAsync(settings, sink: false);
        var first = await TestNode.StartAsync(settings, source: false);
        await using var second = await TestNode.StartAsync(settings, source: false);
        for (var number = 0; number < 100; number++)
        {
            await source.MakeAsync("a", number);
        }

        await Eventually.HoldsAsync(async () => (await second.EffectsAsync()).Count > 10, "some arrive");
        await first.DisposeAsync();
        for (var number = 100; number < 150; number++)
        {
            await source.MakeAsync("a", number);
        }

        await AssertAllCameOnceInOrderAsync(source, second);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Message_DeliveredTwice_TakesEffectOnce(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile));
        var bus = node.Services.GetRequiredService<IMessageBus>();
        var message = new OutboxMessage
        {
            MessageId = "msg-1",
            Name = "number-made",
            OrderKey = "a",
            Body = """{"key":"a","number":7}""",
            At = TimeProvider.System.GetUtcNow(),
        };

        for (var times = 0; times < 3; times++)
        {
            var delivery = await bus.DeliverAsync("somebody", [message, message], CancellationToken.None);
            delivery.Fault.ShouldBeNull();
        }

        await node.MakeAsync("a", 8);
        await Eventually.HoldsAsync(
            async () => (await node.EffectsAsync()).Any(effect => effect.Number == 8), "what was sent last arrives");
        (await node.EffectsAsync()).Select(effect => effect.Number).ShouldBe([7, 8]);
    }

    [Fact]
    public async Task Message_OfTheTimeBeforeTheQueue_Arrives()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        var away = settings with { RabbitMq = $"amqp://cloud:x@127.0.0.1:{PrivateServer.FreePort()}/" };
        await using (var early = await TestNode.StartAsync(away, busIsUp: false))
        {
            await early.MakeAsync("a", 1);
        }

        await using var node = await TestNode.StartAsync(settings);

        await AssertAllCameOnceInOrderAsync(node, node);
    }

    [Fact]
    public async Task Message_ThatNobodyHandles_LeavesTheOutbox()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        await using (var db = await node.SourceAsync())
        {
            db.Outbox().Add(new Unheard("x"), "x");
            await db.SaveChangesAsync();
        }

        await Eventually.HoldsAsync(node.OutboxIsEmptyAsync, "the outbox is empty");
    }

    [Fact]
    public async Task ResourceEvent_AfterItsCommit_WakesWhoWaits()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        var signals = node.Services.GetRequiredService<ChangeSignals>();
        var woken = new TaskCompletionSource();
        signals.OnChanged += id => woken.TrySetResult();

        await using var db = await node.SourceAsync();
        await using (var transaction = await db.Database.BeginTransactionAsync())
        {
            db.Outbox().Add(ResourceEvent.Of("thing.made", "p", "thing-1", default(System.Text.Json.JsonElement)), "thing-1");
            await db.SaveChangesAsync();
            woken.Task.IsCompleted.ShouldBeFalse("nothing is committed yet");
            await transaction.CommitAsync();
        }

        woken.Task.IsCompleted.ShouldBeTrue();
    }

    [Fact]
    public async Task Handled_LongAgo_IsSwept()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        await node.MakeAsync("a", 1);
        await AssertAllCameOnceInOrderAsync(node, node);
        var sweeper = node.Services.GetServices<IHostedService>().OfType<MessagingSweeper<SinkDb>>().Single();

        await sweeper.SweepAsync(CancellationToken.None);
        await using var db = await node.SinkAsync();
        (await db.Set<InboxMessage>().CountAsync()).ShouldBe(1);

        var old = TimeProvider.System.GetUtcNow() - TimeSpan.FromDays(8);
        await db.Set<InboxMessage>().ExecuteUpdateAsync(row => row.SetProperty(message => message.EndedAt, old));
        await sweeper.SweepAsync(CancellationToken.None);
        (await db.Set<InboxMessage>().CountAsync()).ShouldBe(0);
    }

    private sealed record Unheard(string Text);
}
