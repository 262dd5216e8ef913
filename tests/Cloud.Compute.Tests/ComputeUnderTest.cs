using System.Net;
using System.Net.Http.Json;
using System.Security.Claims;
using System.Text.Encodings.Web;
using System.Text.Json;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Images;
using Cloud.Compute.Persistence;
using Cloud.Compute.Tests.Hosts;
using Cloud.Compute.Tests.Instances;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
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

namespace Cloud.Compute.Tests;

/// <summary>The whole compute service over its own database, on a real port, with a host whose guests are records.</summary>
public sealed class ComputeUnderTest : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("cloud-compute-").FullName;
    private WebApplication _app = null!;

    public HttpClient Http { get; } = new();

    internal FakeHost Host { get; } = new(TimeProvider.System);

    /// <summary>A second host; null for one alone.</summary>
    internal FakeHost? Other { get; init; }

    internal FakeBlockStorage Storage { get; } = new();

    public IServiceProvider Services => _app.Services;

    public async ValueTask InitializeAsync()
    {
        var recipes = Path.Combine(_data, "recipes");
        Directory.CreateDirectory(recipes);
        var build = Path.Combine(recipes, "build.sh");
        await File.WriteAllTextAsync(build, "#!/bin/sh\n");
        File.SetUnixFileMode(build, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Cloud:Data"] = _data,
            ["Cloud:Cache"] = Path.Combine(_data, "cache"),
            ["Cloud:Images:Recipes"] = recipes,
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.AddCompute();
        builder.Services.AddSingleton<IHostAgent>(Host);
        if (Other is { } other)
        {
            builder.Services.AddSingleton<IHostAgent>(other);
        }

        builder.Services.AddSingleton<IBlockStorage>(Storage);
        builder.Services.AddAuthentication(HeaderCallers.Name)
            .AddScheme<AuthenticationSchemeOptions, HeaderCallers>(HeaderCallers.Name, null);
        _app = builder.Build();
        await _app.Services.MigrateCloudDatabaseAsync<ComputeDbContext>(CancellationToken.None);
        _app.UseServiceDefaults();
        _app.UseAuthentication();
        _app.UseAuthorization();
        _app.MapCompute();
        await _app.StartAsync();
        Http.BaseAddress = new Uri(_app.Urls.First());
        Http.DefaultRequestHeaders.Add(HeaderCallers.ProjectHeader, "p-1");
        await AddImageAsync("tiny");
        await AddImageAsync("forkable", guestAgent: true);
        await UntilAsync(
            async () => (await GetAsync("/v1/engines")).GetProperty("items").EnumerateArray()
                .Any(engine => engine.GetProperty("hosts").GetArrayLength() > 0));
        await UntilAsync(async () => (await GetAsync("/v1/instance-types")).GetProperty("items").GetArrayLength() >= 5);
    }

    /// <summary>An image of the cloud's own, as a built recipe leaves it; or one that is still being built.</summary>
    internal async Task AddImageAsync(string name, bool built = true, bool guestAgent = false)
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ComputeDbContext>>().CreateDbContextAsync();
        var image = Image.FromRecipe(TypedId.New<ImageId>(TimeProvider.System), name, "hash", TimeProvider.System.GetUtcNow());
        if (built)
        {
            image.IsBuilt(Manifest(name) with { GuestAgent = guestAgent }, _data, TimeProvider.System.GetUtcNow());
        }

        db.Images.Add(image);
        await db.SaveChangesAsync();
    }

    /// <summary>The build that an instance may wait for is over.</summary>
    internal async Task EndBuildAsync(string name, string? failure = null)
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ComputeDbContext>>().CreateDbContextAsync();
        var image = await db.Images.SingleAsync(image => image.Name == name);
        if (failure is null)
        {
            image.IsBuilt(Manifest(name), _data, TimeProvider.System.GetUtcNow());
        }
        else
        {
            image.Fails(failure, TimeProvider.System.GetUtcNow());
        }

        await db.SaveChangesAsync();
    }

    /// <summary>The image was built anew: its files lie elsewhere now.</summary>
    internal async Task MoveImageAsync(string name, string folder, bool guestAgent = false)
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<ComputeDbContext>>().CreateDbContextAsync();
        var image = await db.Images.SingleAsync(image => image.Name == name);
        image.IsBuilt(Manifest(name) with { GuestAgent = guestAgent }, folder, TimeProvider.System.GetUtcNow());
        await db.SaveChangesAsync();
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body = null, Role role = Role.Editor, string project = "p-1")
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Add(HeaderCallers.RoleHeader, role.ToString());
        request.Headers.Remove(HeaderCallers.ProjectHeader);
        request.Headers.Add(HeaderCallers.ProjectHeader, project);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var response = await Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    public async Task<JsonElement> GetAsync(string path)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    public async Task<JsonElement> CreateAsync(string name, object? with = null)
    {
        var body = new Dictionary<string, object?> { ["name"] = name, ["image"] = "tiny", ["type"] = "nano" };
        foreach (var property in with?.GetType().GetProperties() ?? [])
        {
            body[property.Name] = property.GetValue(with);
        }

        var (status, made) = await SendAsync(HttpMethod.Post, "/v1/instances?wait=30", body);
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        return made;
    }

    /// <summary>Asks until it holds; fails after half a minute.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
        }
    }

    public Task UntilStatusAsync(string id, string status) =>
        UntilAsync(async () => (await GetAsync($"/v1/instances/{id}")).GetProperty("status").GetString() == status);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Http.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    private static ImageManifest Manifest(string name) => new()
    {
        Name = name,
        Architecture = "x86_64",
        Disk = "root.qcow2",
        DiskFormat = "qcow2",
        DiskSizeBytes = 64 << 20,
        UserData = ["script"],
        BootReport = true,
    };
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
        var caller = new Caller("user-1", "tok-1", project, project, role);
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(caller.ToIdentity(Name)), Name)));
    }
}
