using System.Net;
using System.Net.Http.Headers;
using Cloud.Identity.Tests.Kit;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Identity.Tests;

public sealed class RouteAuthorizationTests(Databases databases) : RouteAuthorization
{
    protected override EndpointDataSource Routes => databases.OnSqlite.Services.GetRequiredService<EndpointDataSource>();

    protected override HttpClient Http => databases.OnSqlite.Http;

    protected override IReadOnlySet<string> OpenRoutes { get; } = new HashSet<string>
    {
        "GET /.well-known/jwks.json",
        "GET /health/live",
        "GET /health/ready",
        "GET /swagger/{service}/openapi.json",
    };

    protected override async Task AuthorizeAsync(HttpRequestMessage request, Role role)
    {
        var token = databases.OnSqlite.AdminToken;
        if (role != Role.Admin)
        {
            var name = $"route-{role}-{Guid.NewGuid():N}".ToLowerInvariant();
            var made = await databases.OnSqlite.CallAsync(
                token, HttpMethod.Post, "/v1/tokens", new { name, role = role.ToString().ToLowerInvariant() });
            token = made.Should(HttpStatusCode.Created)["token"];
        }

        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await databases.OnSqlite.ExchangeAsync(token)).Token!.Jwt);
    }
}
