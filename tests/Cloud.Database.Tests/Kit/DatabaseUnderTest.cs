using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Database.Databases;
using Cloud.Database.Persistence;
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

namespace Cloud.Database.Tests.Kit;

/// <summary>The whole service over its own database, on a real port, with real servers and an archive that is a folder.</summary>
public sealed class DatabaseUnderTest : IAsyncDisposable
{
    private const int PortCount = 200;

    private static readonly TimeSpan CallLimit = TimeSpan.FromMinutes(5);

    // Services know nothing of each other's ports.

    private static int _portFirst = 15_000 - PortCount;

    private readonly WebApplication _app;

    private DatabaseUnderTest(WebApplication app)
    {
        _app = app;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = CallLimit };
    }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    /// <param name="instances">What servers' containers are made of; null for servers that are processes.</param>
    internal static async Task<DatabaseUnderTest> StartAsync(
        string data, string? postgres = null, int ports = PortCount, IInstances? instances = null, IBlockStorage? volumes = null)
    {
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cloud:Data"] = data,
            ["Cloud:Postgres"] = postgres,
            ["Cloud:Database:ArchiveInterval"] = "00:00:00.2",
            ["Cloud:Database:PortFirst"] = $"{Interlocked.Add(ref _portFirst, PortCount)}",
            ["Cloud:Database:PortCount"] = $"{ports}",
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.Services.AddSingleton<IPrivateObjects>(new FolderObjects(Path.Combine(data, "objects")));
        if (instances is not null && volumes is not null)
        {
            builder.Services.AddSingleton(instances);
            builder.Services.AddSingleton(volumes);
        }

        builder.AddDatabase();
        builder.Services.AddAuthentication(HeaderCallers.Name)
            .AddScheme<AuthenticationSchemeOptions, HeaderCallers>(HeaderCallers.Name, null);
        var app = builder.Build();
        await app.Services.MigrateCloudDatabaseAsync<DatabaseDbContext>();
        app.UseServiceDefaults();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServiceDefaults();
        app.MapDatabase();
        await app.StartAsync();
        return new DatabaseUnderTest(app);
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
        var isJson = response.Content.Headers.ContentType?.MediaType?.EndsWith("json", StringComparison.Ordinal) == true;
        return (response.StatusCode, isJson ? JsonDocument.Parse(text).RootElement : JsonSerializer.SerializeToElement(text));
    }

    internal Task<DatabaseDbContext> OpenDbAsync() =>
        Services.GetRequiredService<IDbContextFactory<DatabaseDbContext>>().CreateDbContextAsync();

    internal async Task<ManagedDatabase> RowAsync(string id)
    {
        await using var db = await OpenDbAsync();
        return await db.Databases.AsNoTracking().SingleAsync(row => row.Id == new DatabaseId(id));
    }

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
