using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cloud.Backup.Persistence;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Database.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Contracts;
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

namespace Cloud.Backup.Tests.Kit;

/// <summary>The whole service over its own database, on a real port, with a block storage whose volumes are bytes.</summary>
public sealed class BackupsUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;

    private BackupsUnderTest(WebApplication app, FakeBlockStorage storage, string data)
    {
        Data = data;
        _app = app;
        Storage = storage;
        Compute = app.Services.GetRequiredService<FakeCompute>();
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    internal FakeBlockStorage Storage { get; }

    internal FakeCompute Compute { get; }

    internal FakeDatabases Databases => Services.GetRequiredService<FakeDatabases>();

    internal FakePrivateObjects Objects => Services.GetRequiredService<FakePrivateObjects>();

    internal FakeBuckets Buckets => Services.GetRequiredService<FakeBuckets>();

    public HttpClient Http { get; }

    /// <summary>The cloud's own folder.</summary>
    public string Data { get; }

    public IServiceProvider Services => _app.Services;

    internal static async Task<BackupsUnderTest> StartAsync(
        string data, string? postgres = null, TimeProvider? clock = null, FakeBlockStorage? blocks = null, string? allowed = null)
    {
        var storage = blocks ?? new FakeBlockStorage();
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cloud:Data"] = data,
            ["Cloud:Postgres"] = postgres,
            ["Cloud:Backup:PruneEvery"] = "00:00:00",
            ["Cloud:Backup:JobsMax"] = "4",
            ["Cloud:Backup:RetryAfter"] = "00:00:00.1",
            ["Cloud:Outbound:Allow:0"] = allowed,
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        if (clock is not null)
        {
            builder.Services.AddSingleton(clock);
        }

        builder.Services.AddSingleton<IBlockStorage>(storage);
        builder.Services.AddSingleton(new FakeCompute(storage));
        builder.Services.AddSingleton(new FakePrivateObjects(Path.Combine(data, "objects")));
        builder.Services.AddSingleton<IPrivateObjects>(services => services.GetRequiredService<FakePrivateObjects>());
        builder.Services.AddSingleton<FakeBuckets>();
        builder.Services.AddSingleton<FakeDatabases>();
        builder.Services.AddSingleton<IDatabases>(services => services.GetRequiredService<FakeDatabases>());
        builder.Services.AddSingleton<IBuckets>(services => services.GetRequiredService<FakeBuckets>());
        builder.Services.AddSingleton<IInstances>(services => services.GetRequiredService<FakeCompute>());
        builder.Services.AddSingleton<IVolumeHosts>(services => services.GetRequiredService<FakeCompute>());
        builder.AddBackups();
        builder.Services.AddAuthentication(HeaderCallers.Name)
            .AddScheme<AuthenticationSchemeOptions, HeaderCallers>(HeaderCallers.Name, null);
        var app = builder.Build();
        await app.Services.MigrateCloudDatabaseAsync<BackupDbContext>();
        app.UseServiceDefaults();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServiceDefaults();
        app.MapBackups();
        await app.StartAsync();
        return new BackupsUnderTest(app, storage, data);
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

    internal Task<BackupDbContext> OpenDbAsync() =>
        Services.GetRequiredService<IDbContextFactory<BackupDbContext>>().CreateDbContextAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Http.Dispose();
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
