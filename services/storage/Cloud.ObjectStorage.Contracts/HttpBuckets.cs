using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Contracts;

/// <summary>Users' buckets of the object storage in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpBuckets(Func<HttpClient> client) : IBuckets
{
    /// <summary>A version that is written stands in this header, as JSON in base64.</summary>
    public const string VersionHeader = "Cloud-Version";

    private static readonly CalledService Service = new("object-storage", "The object storage");

    private const string Root = "/internal/v1/buckets";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public Task<StoredBucket?> FindAsync(string project, string bucket, CancellationToken ct) =>
        FindAsync<StoredBucket>($"{Of(project)}/{Uri.EscapeDataString(bucket)}", ct);

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        SendAsync<IReadOnlyList<string>>(HttpMethod.Post, $"{Of(project)}/search", labels, ct);

    public Task<VersionPage> ListVersionsAsync(string bucketId, VersionPlace? after, CancellationToken ct) =>
        SendAsync<VersionPage>(HttpMethod.Post, $"{Root}/{bucketId}/versions", after ?? new VersionPlace("", null), ct);

    public async Task<Stream?> ReadAsync(string bucketId, string key, string versionId, CancellationToken ct)
    {
        try
        {
            // The response ends with its stream.
            var response = await SendAsync(
                HttpMethod.Get,
                $"{Root}/{bucketId}/content?key={Uri.EscapeDataString(key)}&versionId={Uri.EscapeDataString(versionId)}", null, ct);
            return await response.Content.ReadAsStreamAsync(ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<StoredBucket> CreateAsync(string project, string projectName, string name, string owner, CancellationToken ct) =>
        SendAsync<StoredBucket>(
            HttpMethod.Put,
            $"{Of(project)}/{name}?projectName={Uri.EscapeDataString(projectName)}&owner={Uri.EscapeDataString(owner)}", null, ct);

    public async Task WriteAsync(string bucketId, StoredVersion version, Stream content, CancellationToken ct)
    {
        using var body = new StreamContent(content);
        body.Headers.Add(VersionHeader, Convert.ToBase64String(JsonSerializer.SerializeToUtf8Bytes(version, Json)));
        using var response = await SendAsync(HttpMethod.Put, $"{Root}/{bucketId}/content", body, ct);
    }

    public async Task FinishAsync(string bucketId, StoredBucket like, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Put, $"{Root}/{bucketId}/settings", Content(like), ct);
    }

    public async Task ReplaceAsync(string bucketId, string withBucketId, string versioning, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Post, $"{Root}/{bucketId}/replace?with={withBucketId}&versioning={versioning}", null, ct);
    }

    public async Task DeleteAsync(string project, string bucket, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{Of(project)}/{Uri.EscapeDataString(bucket)}", null, ct);
    }

    private static string Of(string project) => $"/internal/v1/projects/{Uri.EscapeDataString(project)}/buckets";

    private static JsonContent? Content(object? body) => body is null ? null : JsonContent.Create(body, body.GetType(), options: Json);

    private async Task<T?> FindAsync<T>(string path, CancellationToken ct)
        where T : class
    {
        try
        {
            return await SendAsync<T>(HttpMethod.Get, path, null, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendAsync(method, path, Content(body), ct);
        return (await response.Content.ReadFromJsonAsync<T>(Json, ct))!;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        return await Service.SendAsync(client(), request, ct);
    }
}
