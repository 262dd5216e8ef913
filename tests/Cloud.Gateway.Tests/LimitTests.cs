using System.Net;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

public sealed class LimitTests
{
    [Fact]
    public async Task Token_CallingTooFast_IsToldToWait_AndOthersGoOn()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:CallsPerSecond", "10"));
        var refused = await FirstRefusalAsync(() => cloud.GetAsync("/v1/hosts"), 60);
        refused.Headers.RetryAfter.ShouldNotBeNull().Delta.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(1));
        (await refused.JsonAsync()).GetProperty("code").GetString().ShouldBe("too-many-requests");
        (await cloud.GetAsync("/v1/hosts", FakeTokenExchange.Viewer)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Token_AfterWaiting_GoesOn()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:CallsPerSecond", "20"));
        var refused = await FirstRefusalAsync(() => cloud.GetAsync("/v1/hosts"), 100);
        await Task.Delay(refused.Headers.RetryAfter!.Delta!.Value);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Changes_HaveALimitOfTheirOwn()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:ChangesPerSecond", "1"));
        await FirstRefusalAsync(() => cloud.PostAsync("/v1/hosts", null), 20);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Address_TryingTokensOut_IsSlowedDown_AndKnownTokensGoOn()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Gateway:AnonymousCallsPerSecond", "2"));
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
        var guess = 0;
        await FirstRefusalAsync(() => cloud.GetAsync("/v1/hosts", $"tok-guess-{guess++}"), 60);
        guess.ShouldBeGreaterThan(10);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);

        // Some are let through by now, but not as many as an address that tried none.
        await FirstRefusalAsync(() => cloud.GetAsync("/health/live", null), 10);
    }

    [Fact]
    public async Task Headers_TooLarge_AreRefused()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync("/v1/hosts", FakeTokenExchange.Editor, ("X-Long", new string('x', 40_000)));
        answer.StatusCode.ShouldBe(HttpStatusCode.RequestHeaderFieldsTooLarge);
    }

    private static async Task<HttpResponseMessage> FirstRefusalAsync(Func<Task<HttpResponseMessage>> call, int callsMax)
    {
        for (var made = 0; made < callsMax; made++)
        {
            var answer = await call();
            if (answer.StatusCode == HttpStatusCode.TooManyRequests)
            {
                return answer;
            }
        }

        throw new ShouldAssertException($"{callsMax} calls were all let through.");
    }
}
