using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.Database.Contracts;

/// <summary>The databases of the database service in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpDatabases(Func<HttpClient> client) : IDatabases
{
    private const string StagedRoot = "/internal/v1/staged-databases";

    private static readonly CalledService Service = new("databases", "The database service");

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public async Task<DatabaseState?> FindAsync(string project, string database, CancellationToken ct)
    {
        try
        {
            return await SendAsync<DatabaseState>(HttpMethod.Get, Of(project, database), null, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        SendAsync<IReadOnlyList<string>>(HttpMethod.Post, $"{Of(project)}/search", labels, ct);

    public Task<DatabaseArchiveState> ReadArchiveAsync(string project, string database, CancellationToken ct) =>
        SendAsync<DatabaseArchiveState>(HttpMethod.Get, $"{Of(project, database)}/archive", null, ct);

    public Task<Stream> ReadBaseAsync(string project, string database, string backup, CancellationToken ct) =>
        OpenAsync($"{Of(project, database)}/archive/bases/{Uri.EscapeDataString(backup)}", ct);

    public Task<Stream> ReadLogAsync(string project, string database, int generation, string name, CancellationToken ct) => OpenAsync(
        string.Create(
            CultureInfo.InvariantCulture, $"{Of(project, database)}/archive/log/{generation}/{Uri.EscapeDataString(name)}"), ct);

    public async Task StageAsync(string key, Stream tar, CancellationToken ct)
    {
        using var body = new StreamContent(tar);
        using var response = await SendAsync(HttpMethod.Put, $"{StagedRoot}/{Uri.EscapeDataString(key)}", body, ct);
    }

    public async Task UnstageAsync(string key, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{StagedRoot}/{Uri.EscapeDataString(key)}", null, ct);
    }

    public Task<DatabaseState> CreateAsync(string project, NewDatabaseCopy copy, CancellationToken ct) =>
        SendAsync<DatabaseState>(HttpMethod.Put, Of(project), copy, ct);

    public Task<DatabaseState> RestoreAsync(
        string project, string database, string staged, DateTimeOffset? to, CancellationToken ct)
    {
        var until = to is { } time ? $"&to={Uri.EscapeDataString(time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture))}" : "";
        return SendAsync<DatabaseState>(
            HttpMethod.Post, $"{Of(project, database)}/restore?staged={Uri.EscapeDataString(staged)}{until}", null, ct);
    }

    public Task<DatabaseState> UndoRestoreAsync(string project, string database, CancellationToken ct) =>
        SendAsync<DatabaseState>(HttpMethod.Post, $"{Of(project, database)}/undo-restore", null, ct);

    public async Task<string?> CheckAsync(string project, string database, CancellationToken ct) =>
        (await SendAsync<DatabaseCheck>(HttpMethod.Post, $"{Of(project, database)}/check", null, ct)).Wrong;

    public Task<bool> DeleteAsync(string project, string database, CancellationToken ct) =>
        SendAsync<bool>(HttpMethod.Delete, Of(project, database), null, ct);

    private async Task<Stream> OpenAsync(string path, CancellationToken ct)
    {
        // The response ends with its stream.
        var response = await SendAsync(HttpMethod.Get, path, null, ct);
        return await response.Content.ReadAsStreamAsync(ct);
    }

    private static string Of(string project) => $"/internal/v1/projects/{Uri.EscapeDataString(project)}/databases";

    private static string Of(string project, string database) => $"{Of(project)}/{Uri.EscapeDataString(database)}";

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var content = body is null ? null : JsonContent.Create(body, body.GetType(), options: Json);
        using var response = await SendAsync(method, path, content, ct);
        return (await response.Content.ReadFromJsonAsync<T>(Json, ct))!;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        return await Service.SendAsync(client(), request, ct);
    }
}

/// <summary>What a check found.</summary>
/// <param name="Wrong">Null where all is well.</param>
public sealed record DatabaseCheck(string? Wrong);
