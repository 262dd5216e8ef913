using Cloud.Backup.Tests.Kit;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Backup.Tests;

public sealed class RouteAuthorizationTests(BackupServices services) : RouteAuthorization
{
    protected override EndpointDataSource Routes => services.OnSqlite.Services.GetRequiredService<EndpointDataSource>();

    protected override HttpClient Http => services.OnSqlite.Http;

    protected override IReadOnlySet<string> OpenRoutes { get; } = new HashSet<string>
    {
        "GET /health/live",
        "GET /health/ready",
        "GET /swagger/{service}/openapi.json",
    };

    protected override Task AuthorizeAsync(HttpRequestMessage request, Role role)
    {
        request.Headers.Add(HeaderCallers.ProjectHeader, "prj-routes");
        request.Headers.Add(HeaderCallers.RoleHeader, role.ToString());
        return Task.CompletedTask;
    }
}
