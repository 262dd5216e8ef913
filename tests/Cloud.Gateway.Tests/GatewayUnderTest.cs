using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Cloud.Gateway.Persistence;
using Cloud.Gateway.Tests.Sample;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Gateway.Tests;

/// <summary>
/// A real gateway on a free port with a sample service: in its own process, or behind it as a process of its own would be.
/// </summary>
public sealed class GatewayUnderTest : IAsyncDisposable
{
    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly List<WebApplication> _apps = [];

    private GatewayUnderTest(string folder, bool ownsFolder)
    {
        _folder = folder;
        _ownsFolder = ownsFolder;
    }

    public FakeTokenExchange Identity { get; } = new();

    public SampleState Sample { get; } = new();

    public WebApplication App => _apps[0];

    /// <summary>The sample service's process where it has one.</summary>
    public WebApplication Service => _apps[^1];

    public Uri Address => AddressOf(App);

    public HttpClient Http { get; private set; } = null!;

    /// <summary>Starts both.</summary>
    /// <param name="proxied">The service has a process of its own.</param>
    /// <param name="folder">Goes on with the data of another.</param>
    public static async Task<GatewayUnderTest> StartAsync(
        bool proxied = false, string? folder = null, params (string Key, string Value)[] settings)
    {
        var started = new GatewayUnderTest(folder ?? NewFolder(), folder is null);
        if (proxied)
        {
            var service = started.NewBuilder(settings);
            service.Services.AddSingleton<IVerificationKeys>(started.Identity);
            service.AddSample(started.Sample);
            var app = service.Build();
            await PrepareAsync(app);
            app.UseServiceDefaults();
            app.UseWebSockets();
            app.UseAuthentication();
            app.UseAuthorization();
            app.MapServiceDefaults();
            app.MapSample();
            await app.StartAsync();
            started._apps.Add(app);
            settings = [.. settings, ("Cloud:Services:Compute", AddressOf(app).ToString())];
        }

        var builder = started.NewBuilder(settings);
        if (!proxied)
        {
            builder.AddSample(started.Sample);
        }

        builder.Services.AddSingleton<ITokenExchange>(started.Identity);
        builder.AddGateway();
        var gateway = builder.Build();
        await gateway.Services.MigrateCloudDatabaseAsync<GatewayDbContext>();
        gateway.UseGateway();
        gateway.MapGateway();
        if (!proxied)
        {
            await PrepareAsync(gateway);
            gateway.MapSample();
        }

        await gateway.StartAsync();
        started._apps.Insert(0, gateway);
        started.Http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
        })
        {
            Timeout = TimeSpan.FromSeconds(60),
        };
        return started;
    }

    public static string NewFolder() => Directory.CreateTempSubdirectory("cloud-gateway-").FullName;

    /// <summary>A call with a token; null for none.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? token = FakeTokenExchange.Editor, object? body = null,
        params (string Name, string Value)[] headers)
    {
        // As it stands, so that a test can send what a client would tidy up.
        var url = new Uri(
            Address.GetLeftPart(UriPartial.Authority) + path,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(method, url);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body),
        };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public Task<HttpResponseMessage> GetAsync(
        string path, string? token = FakeTokenExchange.Editor, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, path, token, null, headers);

    public Task<HttpResponseMessage> PostAsync(
        string path, object? body, string? token = FakeTokenExchange.Editor, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, token, body, headers);

    /// <summary>What the sample service has.</summary>
    public async Task<T> QueryAsync<T>(Func<SampleDbContext, Task<T>> query)
    {
        await using var db = await Service.Services.GetRequiredService<IDbContextFactory<SampleDbContext>>().CreateDbContextAsync();
        return await query(db);
    }

    public GatewayDbContext GatewayDatabase() => App.Services.GetRequiredService<IDbContextFactory<GatewayDbContext>>().CreateDbContext();

    /// <summary>Stops without taking the data away.</summary>
    public async Task StopAsync()
    {
        Http?.Dispose();
        foreach (var app in _apps)
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }

        _apps.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Identity.Dispose();
        if (_ownsFolder)
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    private static Uri AddressOf(WebApplication app) =>
        new(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single());

    private WebApplicationBuilder NewBuilder((string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                ApplicationName = "Cloud.Gateway",
                ContentRootPath = AppContext.BaseDirectory,

                // Each watched file takes one of the user's few inotify instances.
                Args = ["--hostBuilder:reloadConfigOnChange=false"],
            });
        builder.Configuration.AddInMemoryCollection(
            new Dictionary<string, string?> { ["Cloud:Data"] = _folder, ["Logging:LogLevel:Default"] = "Warning" });
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value));
        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        return builder;
    }

    /// <summary>The sample service has no migrations: its tables are made from its model.</summary>
    private static async Task PrepareAsync(WebApplication app)
    {
        await using var db = await app.Services.GetRequiredService<IDbContextFactory<SampleDbContext>>().CreateDbContextAsync();
        Directory.CreateDirectory(Path.Combine(app.Configuration["Cloud:Data"]!, "db"));
        if (!await db.Database.EnsureCreatedAsync() && !await HasTablesAsync(db))
        {
            await db.GetService<IRelationalDatabaseCreator>().CreateTablesAsync();
        }
    }

    private static async Task<bool> HasTablesAsync(SampleDbContext db)
    {
        try
        {
            await db.Notes.AnyAsync();
            return true;
        }
        catch (System.Data.Common.DbException)
        {
            return false;
        }
    }
}

/// <summary>What tests read of answers.</summary>
internal static class Answers
{
    public static async Task<JsonElement> JsonAsync(this HttpResponseMessage answer)
    {
        using var document = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync());
        return document.RootElement.Clone();
    }

    public static string Header(this HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : "";
}
