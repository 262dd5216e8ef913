using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Contracts;

/// <summary>The block storage service in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpBlockStorage(Func<HttpClient> client) : IBlockStorage
{
    private const string Root = "/internal/v1/block-storage";

    private static readonly CalledService Service = new("block-storage", "Block storage");

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    public async Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct)
    {
        try
        {
            return await SendAsync<BlockVolume>(HttpMethod.Get, $"{Of(project)}/volumes/{Uri.EscapeDataString(volume)}", null, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<string>> ListVolumesAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        SendAsync<IReadOnlyList<string>>(HttpMethod.Post, $"{Of(project)}/volumes/search", labels, ct);

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct) =>
        SendAsync<IReadOnlyList<AttachedBlockVolume>>(
            HttpMethod.Get, $"{Of(project)}/instances/{Uri.EscapeDataString(instance)}/volumes", null, ct);

    public Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct) =>
        SendAsync<BlockVolume>(HttpMethod.Put, $"{Root}/volumes", volume, ct);

    public Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct) =>
        SendAsync<BlockVolume>(
            HttpMethod.Post,
            string.Create(
                CultureInfo.InvariantCulture, $"{Of(project)}/volumes/{Uri.EscapeDataString(volume)}/grow?sizeBytes={sizeBytes}"),
            null, ct);

    public Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct) =>
        SendAsync<bool>(HttpMethod.Delete, $"{Of(project)}/volumes/{Uri.EscapeDataString(volume)}", null, ct);

    public Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct) =>
        SendAsync<IReadOnlyList<BlockSnapshot>>(HttpMethod.Put, $"{Of(project)}/snapshots", names, ct);

    public async Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        try
        {
            return await SendAsync<BlockSnapshot>(HttpMethod.Get, $"{Of(project)}/snapshots/{Uri.EscapeDataString(snapshot)}", null, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct) =>
        SendAsync<bool>(HttpMethod.Delete, $"{Of(project)}/snapshots/{Uri.EscapeDataString(snapshot)}", null, ct);

    public async Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        // The response ends with its stream.
        var response = await SendAsync(
            HttpMethod.Get,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Of(project)}/content/{Uri.EscapeDataString(source)}?offset={offset}&lengthBytes={lengthBytes}"),
            null, ct);
        return await response.Content.ReadAsStreamAsync(ct);
    }

    public async Task<Stream> ExportAsync(string project, string source, CancellationToken ct)
    {
        // The response ends with its stream.
        var response = await SendAsync(HttpMethod.Get, $"{Of(project)}/export/{Uri.EscapeDataString(source)}", null, ct);
        return await response.Content.ReadAsStreamAsync(ct);
    }

    public async Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Put,
            string.Create(CultureInfo.InvariantCulture, $"{Of(project)}/content/{Uri.EscapeDataString(volume)}?offset={offset}"),
            new StreamContent(content), ct);
    }

    public Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var path = string.Create(
            CultureInfo.InvariantCulture,
            $"{Of(project)}/snapshots/{Uri.EscapeDataString(snapshot)}/changes?offset={offset}&countMax={countMax}");
        return SendAsync<BlockExtents>(
            HttpMethod.Get, since is null ? path : $"{path}&since={Uri.EscapeDataString(since)}", null, ct);
    }

    public Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct) => SendAsync<BlockVolume>(
        HttpMethod.Post, $"{Of(project)}/volumes/{Uri.EscapeDataString(volume)}/detach?force={(force ? "true" : "false")}", null, ct);

    public Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct) =>
        SendAsync<BlockVolume>(HttpMethod.Put, $"{Root}/attachments", attachment, ct);

    public async Task BeginMoveAsync(string project, string instance, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Post, $"{Of(project)}/instances/{Uri.EscapeDataString(instance)}/begin-move", null, ct);
    }

    public async Task EndMoveAsync(string project, string instance, string host, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Post,
            $"{Of(project)}/instances/{Uri.EscapeDataString(instance)}/end-move?host={Uri.EscapeDataString(host)}", null, ct);
    }

    public async Task ReleaseAsync(string project, string instance, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Delete, $"{Of(project)}/instances/{Uri.EscapeDataString(instance)}/volumes", null, ct);
    }

    private static string Of(string project) => $"{Root}/projects/{Uri.EscapeDataString(project)}";

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendAsync(method, path, Content(body), ct);
        return (await response.Content.ReadFromJsonAsync<T>(Json, ct))!;
    }

    private static JsonContent? Content(object? body) => body is null ? null : JsonContent.Create(body, body.GetType(), options: Json);

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        return await Service.SendAsync(client(), request, ct);
    }
}
