using System.Net;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

public sealed class TokenTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Call_WithoutToken_IsRefusedAsProblem(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        foreach (var token in new[] { null, "tok-unknown", "" })
        {
            using var answer = await cloud.GetAsync("/v1/instances", token);
            answer.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
            answer.Headers.WwwAuthenticate.ShouldHaveSingleItem().Scheme.ShouldBe("Bearer");
            var problem = await answer.JsonAsync();
            problem.GetProperty("code").GetString().ShouldBe("unauthenticated");
            problem.GetProperty("traceId").GetString().ShouldNotBeNullOrEmpty();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Call_OfViewerThatChanges_IsForbiddenAsProblem(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.PostAsync("/v1/instances", new { name = "a" }, FakeTokenExchange.Viewer);
        answer.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await answer.JsonAsync()).GetProperty("code").GetString().ShouldBe("forbidden");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Service_SeesCallerAndNothingThatCallersMayNotSay(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.SendAsync(
            HttpMethod.Post, "/v1/hosts", FakeTokenExchange.Editor, null, ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Host", "evil"),
            ("Forwarded", "for=1.2.3.4"), ("X-Real-IP", "1.2.3.4"));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var seen = await answer.JsonAsync();
        seen.GetProperty("subject").GetString().ShouldBe("usr-editor");
        seen.GetProperty("project").GetString().ShouldBe("prj-1");
        seen.GetProperty("role").GetString().ShouldBe("Editor");
        seen.GetProperty("actor").GetString().ShouldBe("usr-editor");
        var headers = seen.GetProperty("headers");
        headers.TryGetProperty("forwarded", out _).ShouldBeFalse();
        headers.TryGetProperty("x-real-ip", out _).ShouldBeFalse();
        if (proxied)
        {
            headers.GetProperty("x-forwarded-for").GetString().ShouldBe("127.0.0.1");
            headers.GetProperty("x-forwarded-host").GetString().ShouldBe(cloud.Address.Authority);
            headers.GetProperty("authorization").GetString()!.ShouldNotContain(FakeTokenExchange.Editor);
        }
        else
        {
            headers.TryGetProperty("x-forwarded-for", out _).ShouldBeFalse();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Token_RevokedAtIdentity_IsRefusedWithinASecond(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
        cloud.Identity.Tokens.TryRemove(FakeTokenExchange.Editor, out _);
        await Task.Delay(TimeSpan.FromMilliseconds(600));
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Identity_IsAskedOnceForManyCallsAtOnce()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        await Task.WhenAll(
            Enumerable.Range(0, 50).Select(async _ => (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK)));
        cloud.Identity.Asked.ShouldBeLessThan(10);
    }

    [Fact]
    public async Task Admin_NamesAnotherProject_AndOthersMayNot()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync("/v1/hosts?project=prj-2", FakeTokenExchange.Admin);
        (await answer.JsonAsync()).GetProperty("project").GetString().ShouldBe("prj-2");
        (await cloud.GetAsync("/v1/hosts?project=prj-2")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await cloud.GetAsync("/v1/hosts?project=none", FakeTokenExchange.Admin)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task InternalRoute_IsNotThere(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        foreach (var path in new[] { "/internal/v1/secret", "/INTERNAL/v1/secret", "//internal/v1/secret", "/v1/../internal/v1/secret" })
        {
            using var answer = await cloud.GetAsync(path, FakeTokenExchange.Admin);
            answer.StatusCode.ShouldBe(HttpStatusCode.NotFound, path);
        }

        var key = cloud.App.Services.GetService(typeof(Cloud.ServiceDefaults.Auth.ServiceKey))
            .ShouldBeOfType<Cloud.ServiceDefaults.Auth.ServiceKey>();
        using var keyed = await cloud.SendAsync(HttpMethod.Get, "/internal/v1/secret", null, null, ("Authorization", key.Header));
        keyed.StatusCode.ShouldBeOneOf(HttpStatusCode.NotFound, HttpStatusCode.Unauthorized);
        using var asService = await cloud.SendAsync(HttpMethod.Get, "/v1/hosts", null, null, ("Authorization", key.Header));
        asService.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }
}
