namespace Cloud.Primitives.Tests;

public sealed class ActorTests
{
    [Fact]
    public async Task Current_FlowsWithAwaitsAndNotBackOut()
    {
        Actor.Current.ShouldBeNull();
        await ActAsync(new Actor("usr-1", "tok-1", "owner") { SourceAddress = "192.0.2.1" });
        Actor.Current.ShouldBeNull();
    }

    [Fact]
    public async Task Current_OfTwoRequestsAtOnce_IsEachOnesOwn() =>
        await Task.WhenAll(Enumerable.Range(0, 100).Select(at => ActAsync(new Actor($"usr-{at}", $"tok-{at}", "viewer"))));

    private static async Task ActAsync(Actor actor)
    {
        Actor.Current = actor;
        await Task.Yield();
        Actor.Current.ShouldBe(actor);
        await Task.Run(() => Actor.Current.ShouldBe(actor));
    }
}
