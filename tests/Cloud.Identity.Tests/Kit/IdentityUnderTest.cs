using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Tokens;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cloud.Identity.Tests.Kit;

/// <summary>
/// The whole identity service over its own database, on a real port. Calls are made as the gateway makes them: a token is exchanged first.
/// </summary>
public sealed class IdentityUnderTest : IAsyncDisposable
{
    private readonly WebApplication _app;

    private IdentityUnderTest(WebApplication app, string data)
    {
        _app = app;
        Data = data;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
    }

    /// <summary>The cloud's data folder.</summary>
    public string Data { get; }

    public HttpClient Http { get; }

    public IServiceProvider Services => _app.Services;

    public string CredentialsFile => Path.Combine(Data, "credentials.env");

    /// <summary>The admin's token of the first start.</summary>
    public string AdminToken => Credentials()["CLOUD_TOKEN"];

    internal ServiceKey ServiceKey => Services.GetRequiredService<ServiceKey>();

    /// <param name="data">A folder that may have been used before; its database too.</param>
    /// <param name="postgres">Npgsql's connection string without a database; null for SQLite.</param>
    public static async Task<IdentityUnderTest> StartAsync(
        string data, string? postgres = null, TimeProvider? time = null, IDictionary<string, string?>? settings = null)
    {
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false"]);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>())
        {
            ["Cloud:Data"] = data,
            ["Cloud:Postgres"] = postgres,
        });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        if (time is not null)
        {
            builder.Services.AddSingleton(time);
        }

        builder.AddServiceDefaults();
        builder.AddCloudMessaging();
        builder.AddIdentity();
        var app = builder.Build();
        await app.Services.MigrateCloudDatabaseAsync<IdentityDbContext>();
        app.UseServiceDefaults();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapServiceDefaults();
        app.MapIdentity();
        await app.StartAsync();
        return new IdentityUnderTest(app, data);
    }

    public IReadOnlyDictionary<string, string> Credentials() => File.ReadLines(CredentialsFile)
        .Select(line => line["export ".Length..].Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1].Trim('\''));

    /// <summary>What the gateway would learn of a token.</summary>
    public async Task<(HttpStatusCode Status, ExchangedToken? Token)> ExchangeAsync(string token, string? project = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/internal/v1/token-exchange");
        request.Headers.TryAddWithoutValidation("Authorization", ServiceKey.Header);
        request.Content = JsonContent.Create(new TokenExchangeRequest(token, project));
        using var answer = await Http.SendAsync(request);
        return (answer.StatusCode, answer.StatusCode == HttpStatusCode.OK
            ? await answer.Content.ReadFromJsonAsync<ExchangedToken>(JsonDefaults.Options)
            : null);
    }

    /// <summary>
    /// A call with an API token, as through the gateway: 401 where the token opens nothing, 404 where it sees no such project.
    /// </summary>
    public async Task<Answer> CallAsync(
        string token, HttpMethod method, string path, object? body = null, string? project = null, string? ifMatch = null)
    {
        var (status, exchanged) = await ExchangeAsync(token, project);
        if (exchanged is null)
        {
            return new Answer(status == HttpStatusCode.NoContent ? HttpStatusCode.Unauthorized : status, null, null, null);
        }

        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", exchanged.Jwt);
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body),
        };
        using var answer = await Http.SendAsync(request);
        return await Answer.ReadAsync(answer);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        Http.Dispose();
    }

    /// <summary>What the service does by itself every few seconds.</summary>
    internal async Task WriteLastUsesAsync()
    {
        await using var scope = Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<LastUseWriter>().ReconcileAsync(CancellationToken.None);
    }

    internal async Task<IdentityDbContext> OpenDbAsync() =>
        await Services.GetRequiredService<IDbContextFactory<IdentityDbContext>>().CreateDbContextAsync();
}

/// <summary>What a call was answered with.</summary>
/// <param name="Json">Null for an empty body.</param>
public sealed record Answer(HttpStatusCode Status, JsonNode? Json, string? ETag, string? Location)
{
    public string? Code => Json?["code"]?.GetValue<string>();

    public string Id => this["id"];

    public string this[string field] => Json![field]!.GetValue<string>();

    /// <summary>The names of the fields that a 400 speaks of.</summary>
    public IReadOnlyList<string> Fields => Json?["errors"]?.AsObject().Select(error => error.Key).ToList() ?? [];

    public IReadOnlyList<JsonNode> Items => Json!["items"]!.AsArray().Select(item => item!).ToList();

    public static async Task<Answer> ReadAsync(HttpResponseMessage answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        var text = await answer.Content.ReadAsStringAsync();
        return new Answer(
            answer.StatusCode,
            text.Length == 0 ? null : JsonNode.Parse(text),
            answer.Headers.ETag?.ToString(),
            answer.Headers.Location?.ToString());
    }

    /// <summary>Asserts the status and shows the answer where it is another one.</summary>
    public Answer Should(HttpStatusCode status, string? code = null)
    {
        Status.ShouldBe(status, Json?.ToJsonString());
        if (code is not null)
        {
            Code.ShouldBe(code, Json?.ToJsonString());
        }

        return this;
    }
}
