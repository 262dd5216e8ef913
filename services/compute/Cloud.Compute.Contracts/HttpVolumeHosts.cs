using System.Globalization;
using System.Net.Http.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Contracts;

/// <summary>The hosts of the compute service in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpVolumeHosts(Func<HttpClient> client) : IVolumeHosts
{
    private const string Root = "/internal/v1/volume-hosts";

    public async Task<VolumeHost> ChooseAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, Root, null, ct);
        return (await response.Content.ReadFromJsonAsync<VolumeHost>(ComputeCalls.Json, ct))!;
    }

    public async Task<VolumeHost> ChooseOtherAsync(string from, string? named, CancellationToken ct)
    {
        var path = $"{Root}/{Uri.EscapeDataString(from)}/other";
        using var response = await SendAsync(
            HttpMethod.Get, named is null ? path : $"{path}?named={Uri.EscapeDataString(named)}", null, ct);
        return (await response.Content.ReadFromJsonAsync<VolumeHost>(ComputeCalls.Json, ct))!;
    }

    public async Task<IReadOnlyList<string>> ListDrainedAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, $"{Root}/drained", null, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<string>>(ComputeCalls.Json, ct))!;
    }

    public Task CopyToAsync(string host, string volume, string to, CancellationToken ct) => CallAsync(
        HttpMethod.Post, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/copy?to={Uri.EscapeDataString(to)}", null, ct);

    public Task KeepAsync(string host, string volume, CancellationToken ct) =>
        CallAsync(HttpMethod.Post, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/keep", null, ct);

    public Task ForgetAsync(string host, string volume, CancellationToken ct) =>
        CallAsync(HttpMethod.Post, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/forget", null, ct);

    public Task PutAsync(HostedVolume volume, CancellationToken ct) => CallAsync(HttpMethod.Put, $"{Root}/volumes", volume, ct);

    public Task DeleteAsync(string host, string volume, CancellationToken ct) =>
        CallAsync(HttpMethod.Delete, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}", null, ct);

    public async Task<IReadOnlyList<HeldVolume>> ListAsync(string host, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, $"{Root}/{Uri.EscapeDataString(host)}/volumes", null, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HeldVolume>>(ComputeCalls.Json, ct))!;
    }

    public Task<VolumeInstance?> FindInstanceAsync(string project, string instance, CancellationToken ct) =>
        FindAsync<VolumeInstance>($"{Root}/instances/{Uri.EscapeDataString(instance)}?project={Uri.EscapeDataString(project)}", ct);

    public Task PlugAsync(PluggedVolume volume, CancellationToken ct) =>
        CallAsync(HttpMethod.Put, $"{Root}/instances/volumes", volume, ct);

    public Task UnplugAsync(string instance, string volume, bool force, CancellationToken ct) => CallAsync(
        HttpMethod.Delete, $"{Root}/instances/{Uri.EscapeDataString(instance)}/volumes/{volume}?force={(force ? "true" : "false")}", null,
        ct);

    public async Task<IReadOnlyList<HostedSnapshot>> SnapshotAsync(
        string host, IReadOnlyDictionary<string, string> snapshots, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Put, $"{Root}/{Uri.EscapeDataString(host)}/snapshots", snapshots, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HostedSnapshot>>(ComputeCalls.Json, ct))!;
    }

    public Task DeleteSnapshotAsync(string host, string snapshot, CancellationToken ct) =>
        CallAsync(HttpMethod.Delete, $"{Root}/{Uri.EscapeDataString(host)}/snapshots/{snapshot}", null, ct);

    public Task RestoreAsync(string host, string volume, string snapshot, CancellationToken ct) => CallAsync(
        HttpMethod.Post, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/restore?snapshot={snapshot}", null, ct);

    public async Task<Stream> ReadContentAsync(string host, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        // The response ends with its stream.
        var response = await SendAsync(
            HttpMethod.Get,
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Root}/{Uri.EscapeDataString(host)}/content/{source}?offset={offset}&lengthBytes={lengthBytes}"),
            null, ct);
        return await response.Content.ReadAsStreamAsync(ct);
    }

    public async Task WriteContentAsync(string host, string volume, long offset, Stream content, CancellationToken ct)
    {
        using var body = new StreamContent(content);
        await CallAsync(
            HttpMethod.Put,
            string.Create(CultureInfo.InvariantCulture, $"{Root}/{Uri.EscapeDataString(host)}/content/{volume}?offset={offset}"), body, ct);
    }

    public async Task<HostedExtents> ListExtentsAsync(
        string host, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var path = string.Create(
            CultureInfo.InvariantCulture,
            $"{Root}/{Uri.EscapeDataString(host)}/snapshots/{snapshot}/extents?offset={offset}&countMax={countMax}");
        using var response = await SendAsync(HttpMethod.Get, since is null ? path : $"{path}&since={since}", null, ct);
        return (await response.Content.ReadFromJsonAsync<HostedExtents>(ComputeCalls.Json, ct))!;
    }

    public async Task StageAsync(string host, string volume, long offset, Stream content, CancellationToken ct)
    {
        using var body = new StreamContent(content);
        await CallAsync(
            HttpMethod.Put,
            string.Create(
                CultureInfo.InvariantCulture, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/incoming?offset={offset}"),
            body, ct);
    }

    public async Task<long?> ImportAsync(string host, string volume, long fileBytes, long from, CancellationToken ct)
    {
        var path = string.Create(
            CultureInfo.InvariantCulture,
            $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/import?fileBytes={fileBytes}&from={from}");
        using var response = await SendAsync(HttpMethod.Post, path, null, ct);
        return (await response.Content.ReadFromJsonAsync<ImportProgress>(ComputeCalls.Json, ct))!.Next;
    }

    public async Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Get, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/metrics", null, ct);
        return (await response.Content.ReadFromJsonAsync<HostedVolumeMetrics>(ComputeCalls.Json, ct))!;
    }

    public async Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{Root}/images", image, ct);
        return (await response.Content.ReadFromJsonAsync<VolumeImage>(ComputeCalls.Json, ct))!;
    }

    public Task RotateMasterKeysAsync(CancellationToken ct) => CallAsync(HttpMethod.Post, $"{Root}/master-keys/rotate", null, ct);

    public async Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, $"{Root}/master-keys", null, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HostMasterKey>>(ComputeCalls.Json, ct))!;
    }

    public Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct) =>
        FindAsync<VolumeImage>($"{Root}/images/{Uri.EscapeDataString(image)}?project={Uri.EscapeDataString(project)}", ct);

    private async Task<T?> FindAsync<T>(string path, CancellationToken ct)
        where T : class
    {
        try
        {
            using var response = await SendAsync(HttpMethod.Get, path, null, ct);
            return await response.Content.ReadFromJsonAsync<T>(ComputeCalls.Json, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    private async Task CallAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendAsync(method, path, body, ct);
    }

    private Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, CancellationToken ct) =>
        ComputeCalls.SendAsync(client(), method, path, body, ct);

    private sealed record ImportProgress(long? Next);
}
