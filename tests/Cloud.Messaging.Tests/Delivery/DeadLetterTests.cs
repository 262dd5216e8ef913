using Cloud.Messaging.Tests.Kit;
using Cloud.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging.Tests.Delivery;

public sealed class DeadLetterTests(Servers servers) : ServiceTest(servers)
{
    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Poison_WhileItIsTriedAgain_HoldsBackItsOwnKeyOnly(Profile profile)
    {
        await using var node = await StartAsync(profile, Enumerable.Repeat(TimeSpan.FromMilliseconds(20), 10_000));
        Trouble(node).BeforeEndAsync = (message, _) => message is { Key: "bad", Number: 1 }
            ? Task.FromException(new InvalidOperationException("It fails."))
            : Task.CompletedTask;

        await node.MakeAsync("bad", 1);
        await node.MakeAsync("bad", 2);
        await node.MakeAsync("good", 1);
        await Eventually.HoldsAsync(async () => (await node.EffectsAsync()).Any(effect => effect.Key == "good"), "the other key arrives");
        (await node.EffectsAsync()).ShouldAllBe(effect => effect.Key == "good");

        Trouble(node).BeforeEndAsync = (message, _) =>
            message is { Key: "bad", Number: 1 } ? Task.FromException(NumberTrouble.Refusal()) : Task.CompletedTask;
        await Eventually.HoldsAsync(async () => (await node.EffectsAsync()).Count == 2, "what comes after the poison arrives");
        (await node.EffectsAsync()).ShouldNotContain(effect => effect.Key == "bad" && effect.Number == 1);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Poison_AfterItsTries_IsADeadLetter(Profile profile)
    {
        await using var node = await StartAsync(profile, Enumerable.Repeat(TimeSpan.FromMilliseconds(20), 2));
        var tries = 0;
        Trouble(node).BeforeEndAsync = (message, _) => message is { Key: "bad", Number: 1 }
            ? Task.FromException(new InvalidOperationException($"try {Interlocked.Increment(ref tries)}"))
            : Task.CompletedTask;

        await node.MakeAsync("bad", 1);
        await node.MakeAsync("bad", 2);

        await Eventually.HoldsAsync(async () => (await node.EffectsAsync()).Count == 1, "what comes after the poison arrives");
        tries.ShouldBe(3);
        var letter = (await Letters(node).ListAsync(10, CancellationToken.None)).ShouldHaveSingleItem();
        letter.Name.ShouldBe("number-made");
        letter.OrderKey.ShouldBe("bad");
        letter.Attempts.ShouldBe(3);
        letter.Error.ShouldContain("try 3");
    }

    [Fact]
    public async Task DeadLetter_Replayed_TakesEffect()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        Trouble(node).BeforeEndAsync = (_, _) => Task.FromException(NumberTrouble.Refusal());
        await node.MakeAsync("a", 1);
        await Eventually.HoldsAsync(
            async () => (await Letters(node).ListAsync(10, CancellationToken.None)).Count == 1, "the refused message dies at once");
        var letter = (await Letters(node).ListAsync(10, CancellationToken.None))[0];
        letter.Attempts.ShouldBe(1);

        Trouble(node).BeforeEndAsync = (_, _) => Task.CompletedTask;
        (await Letters(node).ReplayAsync(letter.Service, letter.MessageId, CancellationToken.None)).ShouldBeTrue();

        await AssertAllCameOnceInOrderAsync(node, node);
        (await Letters(node).ReplayAsync(letter.Service, letter.MessageId, CancellationToken.None)).ShouldBeFalse();
        (await Letters(node).ListAsync(10, CancellationToken.None)).ShouldBeEmpty();
    }

    [Fact]
    public async Task DeadLetter_Discarded_IsGone()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        Trouble(node).BeforeEndAsync = (_, _) => Task.FromException(NumberTrouble.Refusal());
        await node.MakeAsync("a", 1);
        await Eventually.HoldsAsync(
            async () => (await Letters(node).ListAsync(10, CancellationToken.None)).Count == 1, "the refused message dies");
        var letter = (await Letters(node).ListAsync(10, CancellationToken.None))[0];

        (await Letters(node).DiscardAsync(letter.Service, letter.MessageId, CancellationToken.None)).ShouldBeTrue();

        (await Letters(node).ListAsync(10, CancellationToken.None)).ShouldBeEmpty();
        (await node.EffectsAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Message_ThatCannotBeRead_IsADeadLetter()
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(Profile.Local));
        await node.Services.GetRequiredService<IMessageBus>().DeliverAsync("somebody", [new OutboxMessage
        {
            MessageId = "msg-1",
            Name = "number-made",
            OrderKey = "a",
            Body = """{"key":"a","number":"seven"}""",
            At = TimeProvider.System.GetUtcNow(),
        }], CancellationToken.None);

        await Eventually.HoldsAsync(async () => (await Letters(node).ListAsync(10, CancellationToken.None)).Count == 1, "it dies");
        (await Letters(node).ListAsync(10, CancellationToken.None))[0].Error.ShouldContain("no NumberMade");
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Handler_ThatFailsSometimes_TakesEffectOnceInOrder(Profile profile)
    {
        await using var node = await TestNode.StartAsync(await SettingsAsync(profile));
        var calls = 0;
        Trouble(node).BeforeEndAsync = (_, _) => Interlocked.Increment(ref calls) % 4 == 0
            ? Task.FromException(new InvalidOperationException("every fourth"))
            : Task.CompletedTask;
        for (var number = 0; number < 20; number++)
        {
            await node.MakeAsync($"key-{number % 3}", number);
        }

        await AssertAllCameOnceInOrderAsync(node, node);
    }

    private async Task<TestNode> StartAsync(Profile profile, IEnumerable<TimeSpan> retryDelays) =>
        await TestNode.StartAsync(await SettingsAsync(profile), configure: builder =>
            builder.Services.PostConfigure<MessagingOptions>(options => options.RetryDelays = [.. retryDelays]));

    private static NumberTrouble Trouble(TestNode node) => node.Services.GetRequiredService<NumberTrouble>();

    private static DeadLetters Letters(TestNode node) => node.Services.GetRequiredService<DeadLetters>();
}
