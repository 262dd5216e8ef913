using System.Net;
using System.Net.WebSockets;
using System.Text;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

public sealed class ProxyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Answer_ThatNeverEnds_ComesAsItIsMade(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.GetAsync("/v1/instances/abc/console");
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        for (var number = 0; number < 3; number++)
        {
            (await lines.ReadLineAsync()).ShouldBe($"abc {number}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WebSocket_GoesThrough(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {FakeTokenExchange.Editor}");
        var ct = TestContext.Current.CancellationToken;
        await socket.ConnectAsync(new UriBuilder(cloud.Address) { Scheme = "ws", Path = "/v1/instances/abc/console/ws" }.Uri, ct);
        await socket.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, ct);
        var buffer = new byte[100];
        var got = await socket.ReceiveAsync(buffer, ct);
        Encoding.UTF8.GetString(buffer, 0, got.Count).ShouldBe("hello");
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, ct);
        socket.CloseStatusDescription.ShouldBe("abc");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WebSocket_WithoutToken_IsRefused(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        await Should.ThrowAsync<WebSocketException>(() =>
            socket.ConnectAsync(
                new UriBuilder(cloud.Address) { Scheme = "ws", Path = "/v1/instances/abc/console/ws" }.Uri,
                TestContext.Current.CancellationToken));
        socket.HttpStatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Service_ThatIsDown_IsSaidToBe()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied: true);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
        await cloud.Service.StopAsync();
        using var answer = await cloud.GetAsync("/v1/hosts");
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter.ShouldNotBeNull();
        var problem = await answer.JsonAsync();
        problem.GetProperty("code").GetString().ShouldBe("service-unavailable");
        problem.GetProperty("detail").GetString().ShouldNotBeNull().ShouldContain("compute");
    }

    [Fact]
    public async Task Path_ReachesTheServiceAsItIs()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied: true);
        using var answer = await cloud.GetAsync("/v1/instances/a%2Fb%20c%C3%BC");
        answer.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await answer.JsonAsync()).GetProperty("detail").GetString().ShouldBe("There is no note 'a%2Fb cü'.");
        const string Target = "/v1/instances/a%2Fb%20c%C3%BC%25/target?x=%2F&y=%20";
        using var target = await cloud.GetAsync(Target);
        (await target.Content.ReadAsStringAsync()).ShouldContain(Target);
    }
}
