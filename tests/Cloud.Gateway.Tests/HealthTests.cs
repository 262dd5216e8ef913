using System.Net;
using System.Text.RegularExpressions;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

public sealed class HealthTests
{
    [Fact]
    public async Task Ready_InOneProcess_ShowsEachPart()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var ready = await cloud.GetAsync("/health/ready", null);
        var text = await ready.Content.ReadAsStringAsync();
        ready.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        var health = await ready.JsonAsync();
        health.GetProperty("status").GetString().ShouldBe("ready");
        foreach (var part in new[] { "gateway-database", "compute-database", "bus" })
        {
            health.GetProperty("parts").GetProperty(part).GetProperty("status").GetString().ShouldBe("ready", text);
        }

        using var live = await cloud.GetAsync("/health/live", null);
        live.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Ready_WithAServiceThatIsDown_SaysWhich()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied: true);
        using var ready = await cloud.GetAsync("/health/ready", null);
        ready.StatusCode.ShouldBe(HttpStatusCode.OK, await ready.Content.ReadAsStringAsync());
        var compute = (await ready.JsonAsync()).GetProperty("parts").GetProperty("compute");
        compute.GetProperty("parts").GetProperty("compute-database").GetProperty("status").GetString().ShouldBe("ready");

        await cloud.Service.StopAsync();
        HttpResponseMessage down;
        while ((down = await cloud.GetAsync("/health/ready", null)).StatusCode == HttpStatusCode.OK)
        {
            // So many calls in a row would be too many.
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        down.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await down.JsonAsync()).GetProperty("parts").GetProperty("compute").GetProperty("status").GetString().ShouldBe("not-ready");
        (await cloud.GetAsync("/health/live", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Metrics_AreForAdmins()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        (await cloud.GetAsync("/metrics", null)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await cloud.GetAsync("/metrics", FakeTokenExchange.Viewer)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await cloud.GetAsync("/v1/hosts")).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var metrics = await cloud.GetAsync("/metrics", FakeTokenExchange.Admin);
        metrics.StatusCode.ShouldBe(HttpStatusCode.OK);
        var text = await metrics.Content.ReadAsStringAsync();
        foreach (var name in new[] { "cloud_calls_total", "cloud_calls_duration_seconds_total", "cloud_calls_within_total" })
        {
            text.ShouldContain($"{name}{{", customMessage: name);
        }

        Regex.IsMatch(text, """cloud_calls_total\{[^}]*method="GET"[^}]*route="/v1/hosts[^}]*status="200"[^}]*\} 1\s""").ShouldBeTrue(text);
        Regex.IsMatch(text, """cloud_calls_within_total\{[^}]*le="60"[^}]*route="/v1/hosts[^}]*\} 1\s""").ShouldBeTrue(text);
        text.ShouldContain("dotnet_");
    }

    [Fact]
    public async Task Metrics_OpenedBySetting_NeedNoToken()
    {
        await using var cloud = await GatewayUnderTest.StartAsync(settings: ("Cloud:Metrics:Anonymous", "true"));
        (await cloud.GetAsync("/metrics", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
