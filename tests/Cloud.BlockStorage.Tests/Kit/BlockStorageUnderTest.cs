using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.BlockStorage.Tests.Kit;

/// <summary>The whole service over its own database, on a real port, with a host whose volumes are records.</summary>
public sealed class BlockStorageUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _service;

    private BlockStorageUnderTest(WebApplication app, FakeVolumeHosts hosts)
    {
        _app = app;
        Hosts = hosts;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        _service = new HttpClient { BaseAddress = Http.BaseAddress };
        _service.DefaultRequestHeaders.Add("Authorization", Services.GetRequiredService<ServiceKey>().Header);
    }

    internal FakeVolumeHosts Hosts { get; }

    public HttpClient Http { get; }

    /// <summary>As services of the same process ask it.</summary>
    public IBlockStorage InProcess => Services.GetRequiredService<IBlockStorage>();

    /// <summary>As services of other processes ask it.</summary>
    public IBlockStorage OverHttp => new HttpBlockStorage(() => _service);

    public IServiceProvider Services => _app.Services;

    public static async Task<BlockStorageUnderTest> StartAsync(string data, string? postgres = null)
    {
        var hosts = new FakeVolumeHosts();
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cloud:Data"] = data,
            ["Cloud:Postgres"] = postgres,
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.Services.AddSingleton<IVolumeHosts>(hosts);
        builder.AddBlockStorage();
        builder.Services.AddAuthentication(HeaderCallers.Name)
            .AddScheme<AuthenticationSchemeOptions, HeaderCallers>(HeaderCallers.Name, null);
        var app = builder.Build();
        await app.Services.MigrateCloudDatabaseAsync<BlockStorageDbContext>();
        app.UseServiceDefaults();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServiceDefaults();
        app.MapBlockStorage();
        await app.StartAsync();
        return new BlockStorageUnderTest(app, hosts);
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body, string project, Role role = Role.Editor)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add(HeaderCallers.RoleHeader, role.ToString());
        request.Headers.Add(HeaderCallers.ProjectHeader, project);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    /// <summary>Says what compute says when an instance was deleted.</summary>
    internal async Task DeleteInstanceAsync(string project, string instance)
    {
        Hosts.RemoveInstance(instance);
        await using var db = await OpenDbAsync();
        var view = JsonSerializer.SerializeToElement(new { id = instance });
        db.Outbox().Add(ResourceEvent.Of("instance.deleted", project, instance, view), instance);
        await db.SaveChangesAsync();
    }

    internal Task<BlockStorageDbContext> OpenDbAsync() =>
        Services.GetRequiredService<IDbContextFactory<BlockStorageDbContext>>().CreateDbContextAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Http.Dispose();
        _service.Dispose();
    }
}

/// <summary>Takes the caller from headers: what the gateway's tokens do for the real service.</summary>
internal sealed class HeaderCallers(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string Name = "header";
    public const string ProjectHeader = "Test-Project";
    public const string RoleHeader = "Test-Role";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers[ProjectHeader].ToString() is not { Length: > 0 } project)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        var role = Enum.TryParse<Role>(Request.Headers[RoleHeader], out var named) ? named : Role.Editor;
        var caller = new Caller("usr-" + project, "tok-1", project, project, role);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(caller.ToIdentity(Name)), Name)));
    }
}
