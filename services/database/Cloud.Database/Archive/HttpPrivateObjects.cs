using System.Net;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.Database.Archive;

/// <summary>The object storage's private buckets, over HTTP.</summary>
internal sealed class HttpPrivateObjects(HttpClient http) : IPrivateObjects
{
    public async Task PutAsync(string bucket, string key, Stream body, CancellationToken ct)
    {
        using var content = new StreamContent(body);
        using var answer = await SendAsync(HttpMethod.Put, $"{PathOf(bucket)}/object?key={Uri.EscapeDataString(key)}", content, ct);
        Require(answer);
    }

    public async Task<Stream?> OpenAsync(string bucket, string key, CancellationToken ct)
    {
        var answer = await SendAsync(HttpMethod.Get, $"{PathOf(bucket)}/object?key={Uri.EscapeDataString(key)}", null, ct);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            answer.Dispose();
            return null;
        }

        Require(answer);
        return await answer.Content.ReadAsStreamAsync(ct);
    }

    public async Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, $"{PathOf(bucket)}/objects?prefix={Uri.EscapeDataString(prefix)}", null, ct);
        Require(answer);
        return (await answer.Content.ReadFromJsonAsync<IReadOnlyList<PrivateObject>>(JsonDefaults.Options, ct))!;
    }

    public async Task DeleteAsync(string bucket, string key, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Delete, $"{PathOf(bucket)}/object?key={Uri.EscapeDataString(key)}", null, ct);
        Require(answer);
    }

    private static string PathOf(string bucket) => $"/internal/v1/private-buckets/{Uri.EscapeDataString(bucket)}";

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        try
        {
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (HttpRequestException away)
        {
            throw Unreachable(away);
        }
    }

    private static void Require(HttpResponseMessage answer)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw Unreachable(null);
        }
    }

    private static CloudException Unreachable(Exception? inner) =>
        new(ErrorKind.Unavailable, "object-storage-unreachable", "The object storage does not answer now.", inner);
}
