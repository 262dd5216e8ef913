using System.Net;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

public sealed class RefusedCallTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Refusals_AreToldForTheAuditLog(bool proxied)
    {
        // Without a broker the bus ends with the process: a service in another one hears nothing, so the gateway's own outbox is looked at.
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var unknown = await cloud.GetAsync("/v1/instances?secret=1", "tok-guess");
        unknown.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        using var forbidden = await cloud.PostAsync("/v1/instances", new { name = "a" }, FakeTokenExchange.Viewer);
        forbidden.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
        if (proxied)
        {
            return;
        }

        await WaitForAsync(cloud, 2);
        // Each is noted once it was answered, which may be after the next.
        var calls = cloud.Sample.Refused.OrderBy(call => call.Status).ToList();
        calls.Count.ShouldBe(2);
        calls[0].Status.ShouldBe(401);
        calls[0].Path.ShouldBe("/v1/instances");
        calls[0].Method.ShouldBe("GET");
        calls[0].Subject.ShouldBeNull();
        calls[0].SourceAddress.ShouldBe("127.0.0.1");
        calls[0].TraceId.ShouldNotBeNullOrEmpty();
        calls[1].Status.ShouldBe(403);
        calls[1].Subject.ShouldBe("usr-viewer");
        calls[1].Token.ShouldBe("tok-3");
        calls[1].Project.ShouldBe("prj-1");
        calls[1].Id.ShouldNotBe(calls[0].Id);
    }

    [Fact]
    public async Task Flood_IsWrittenInPart()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await Parallel.ForAsync(
            0, 300, async (_, _) => (await cloud.GetAsync("/v1/instances", null)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized));
        await WaitForAsync(cloud, 100);
        cloud.Sample.Refused.Count.ShouldBeInRange(100, 110);
    }

    private static async Task WaitForAsync(GatewayUnderTest cloud, int count)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (cloud.Sample.Refused.Count < count)
        {
            await Task.Delay(20, limit.Token);
        }
    }
}
