using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Contracts;

/// <summary>The private buckets of the object storage in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpPrivateObjects(Func<HttpClient> client) : IPrivateObjects
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public async Task PutAsync(string bucket, string key, Stream body, CancellationToken ct)
    {
        using var content = new CallersContent(body);
        using var answer = await SendAsync(HttpMethod.Put, Of(bucket, key), content, ct);
        Require(answer);
    }

    public async Task<Stream?> OpenAsync(string bucket, string key, CancellationToken ct)
    {
        // The response ends with its stream.
        var answer = await SendAsync(HttpMethod.Get, Of(bucket, key), null, ct);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            answer.Dispose();
            return null;
        }

        Require(answer);
        return await answer.Content.ReadAsStreamAsync(ct);
    }

    public async Task<byte[]?> ReadAsync(string bucket, string key, long offset, int lengthBytes, CancellationToken ct)
    {
        var part = string.Create(CultureInfo.InvariantCulture, $"&offset={offset}&length={lengthBytes}");
        using var answer = await SendAsync(HttpMethod.Get, $"{Of(bucket, key, "part")}{part}", null, ct);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        if (answer.StatusCode == HttpStatusCode.Conflict)
        {
            throw CloudException.Conflict(IPrivateObjects.Damaged, $"Object '{key}' is damaged.");
        }

        Require(answer);
        return await answer.Content.ReadAsByteArrayAsync(ct);
    }

    public async Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Get, $"{Of(bucket)}/objects?prefix={Uri.EscapeDataString(prefix)}", null, ct);
        Require(answer);
        return (await answer.Content.ReadFromJsonAsync<IReadOnlyList<PrivateObject>>(Json, ct))!;
    }

    public async Task DeleteAsync(string bucket, string key, CancellationToken ct)
    {
        using var answer = await SendAsync(HttpMethod.Delete, Of(bucket, key), null, ct);
        Require(answer);
    }

    private static string Of(string bucket) => $"/internal/v1/private-buckets/{Uri.EscapeDataString(bucket)}";

    private static string Of(string bucket, string key, string what = "object") =>
        $"{Of(bucket)}/{what}?key={Uri.EscapeDataString(key)}";

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        try
        {
            return await client().SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
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

    /// <summary>A stream that stays its caller's, to close and perhaps to read on.</summary>
    private sealed class CallersContent(Stream body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            body.CopyToAsync(stream, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = body.CanSeek ? body.Length - body.Position : 0;
            return body.CanSeek;
        }
    }
}
