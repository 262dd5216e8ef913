using System.Net.Http.Headers;
using Cloud.Gateway.Tests.Sample;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Gateway.Tests;

/// <summary>The gateway's own routes, and those that it sends on.</summary>
public sealed class RouteAuthorizationTests : RouteAuthorization, IAsyncLifetime
{
    private GatewayUnderTest _cloud = null!;
    private HttpClient _http = null!;

    protected override EndpointDataSource Routes => _cloud.App.Services.GetRequiredService<EndpointDataSource>();

    protected override HttpClient Http => _http;

    protected override IReadOnlySet<string> OpenRoutes { get; } = new HashSet<string>
    {
        "GET /", "GET /health/live", "GET /health/ready", "GET /swagger/{service}/openapi.json", "GET /swagger/compute/openapi.json",
        "GET /swagger/{**path}",
    };

    public async ValueTask InitializeAsync()
    {
        _cloud = await GatewayUnderTest.StartAsync(proxied: true);
        _cloud.Identity.Tokens["tok-owner-secret"] = ("usr-owner", "tok-9", "prj-1", Role.Owner);
        _http = new HttpClient { BaseAddress = _cloud.Address };
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _cloud.DisposeAsync();
    }

    protected override Task AuthorizeAsync(HttpRequestMessage request, Role role)
    {
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", role switch
        {
            Role.Viewer => FakeTokenExchange.Viewer,
            Role.Editor => FakeTokenExchange.Editor,
            Role.Owner => "tok-owner-secret",
            _ => FakeTokenExchange.Admin,
        });
        return Task.CompletedTask;
    }
}
