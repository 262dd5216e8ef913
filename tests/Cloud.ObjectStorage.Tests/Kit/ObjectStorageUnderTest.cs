using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Amazon.Runtime;
using Amazon.S3;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
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

namespace Cloud.ObjectStorage.Tests.Kit;

/// <summary>The whole service over its own database, both of its ports real. Access keys are the test's.</summary>
public sealed class ObjectStorageUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ObjectStorageUnderTest(WebApplication app, FakeAccessKeys keys, string data)
    {
        _app = app;
        Keys = keys;
        Data = data;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        S3Url = app.Services.GetRequiredService<S3Server>().Address;
        S3Http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = S3Url };
    }

    public string Data { get; }

    internal FakeAccessKeys Keys { get; }

    public HttpClient Http { get; }

    /// <summary>For requests that nobody signs.</summary>
    public HttpClient S3Http { get; }

    public Uri S3Url { get; }

    public IServiceProvider Services => _app.Services;

    public static async Task<ObjectStorageUnderTest> StartAsync(
        string data, string? postgres = null, TimeProvider? time = null, IDictionary<string, string?>? settings = null)
    {
        var keys = new FakeAccessKeys();
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
        {
            ["Cloud:Data"] = data,
            ["Cloud:Postgres"] = postgres,
            ["Cloud:S3Port"] = "0",
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        if (time is not null)
        {
            builder.Services.AddSingleton(time);
        }

        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.Services.AddSingleton<IAccessKeySecrets>(keys);
        builder.AddObjectStorage();
        builder.Services.AddAuthentication(HeaderCallers.Name)
            .AddScheme<AuthenticationSchemeOptions, HeaderCallers>(HeaderCallers.Name, null);
        var app = builder.Build();
        await app.Services.MigrateCloudDatabaseAsync<ObjectStorageDbContext>();
        app.UseServiceDefaults();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServiceDefaults();
        app.MapObjectStorage();
        await app.StartAsync();
        return new ObjectStorageUnderTest(app, keys, data);
    }

    /// <summary>A client with the SDK's default settings, of a key of its own.</summary>
    internal AmazonS3Client NewClient(string project = "prj-one", bool readOnly = false, params string[] buckets) =>
        NewClient(Keys.Add(project, readOnly, buckets));

    internal AmazonS3Client NewClient(AccessKeySecret key) => new(
        new BasicAWSCredentials(key.AccessKeyId, key.SecretAccessKey),
        new AmazonS3Config { ServiceURL = S3Url.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1", MaxErrorRetry = 0 });

    public async Task<(System.Net.HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body = null, Role role = Role.Editor, string project = "prj-one")
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add(HeaderCallers.RoleHeader, role.ToString());
        request.Headers.Add(HeaderCallers.ProjectHeader, project);
        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body),
        };
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    internal async Task<T> ReadAsync<T>(Func<IndexSession, Task<T>> read) =>
        await Services.GetRequiredService<IndexReads>().ReadAsync(read, default);

    /// <summary>From here on keeps what is told to the bus, which takes it away.</summary>
    public async Task RecordEventsAsync()
    {
        await using var db = await OpenDbAsync();
        if (db.Database.IsNpgsql())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                CREATE TABLE "told" ("At" BIGINT GENERATED ALWAYS AS IDENTITY, "Value" TEXT NOT NULL);
                CREATE FUNCTION tell() RETURNS TRIGGER LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO "told" ("Value") VALUES (NEW."Body"); RETURN NEW; END';
                CREATE TRIGGER "telling" AFTER INSERT ON "outbox" FOR EACH ROW EXECUTE FUNCTION tell()
                """);
            return;
        }

        await db.Database.ExecuteSqlAsync($"""CREATE TABLE "told" ("At" INTEGER PRIMARY KEY AUTOINCREMENT, "Value" TEXT NOT NULL)""");
        await db.Database.ExecuteSqlAsync(
            $"""CREATE TRIGGER "telling" AFTER INSERT ON "outbox" BEGIN INSERT INTO "told" ("Value") VALUES (NEW."Body"); END""");
    }

    /// <summary>The resource events of a type since then.</summary>
    public async Task<List<JsonElement>> EventsAsync(params string[] types)
    {
        await using var db = await OpenDbAsync();
        var told = await db.Database.SqlQuery<string>($"""SELECT "Value" FROM "told" ORDER BY "At" ASC""").ToListAsync();
        return told.Select(body => JsonDocument.Parse(body).RootElement)
            .Where(body => body.TryGetProperty("type", out var type) && types.Contains(type.GetString())).ToList();
    }

    internal async Task<ObjectStorageDbContext> OpenDbAsync() =>
        await Services.GetRequiredService<IDbContextFactory<ObjectStorageDbContext>>().CreateDbContextAsync();

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Http.Dispose();
        S3Http.Dispose();
    }
}

/// <summary>The access keys of a test; what identity's are for the real service.</summary>
internal sealed class FakeAccessKeys : IAccessKeySecrets
{
    private readonly ConcurrentDictionary<string, AccessKeySecret> _keys = new();
    private int _count;

    public AccessKeySecret Add(string project, bool readOnly = false, params string[] buckets)
    {
        var id = $"AKIA{Interlocked.Increment(ref _count):D16}";
        return _keys[id] = new AccessKeySecret
        {
            AccessKeyId = id,
            SecretAccessKey = $"secret/{id}",
            Subject = "usr-" + project,
            Project = project,
            ProjectName = project,
            Buckets = buckets,
            ReadOnly = readOnly,
            ExpiresAt = null,
        };
    }

    public void Remove(string id) => _keys.TryRemove(id, out _);

    public Task<AccessKeySecret?> FindAsync(string accessKeyId, CancellationToken ct) =>
        Task.FromResult(_keys.GetValueOrDefault(accessKeyId));
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
