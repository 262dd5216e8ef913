using System.Globalization;
using System.Net;
using System.Text.Json;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.BlockStorage.Hosts;

/// <summary>The compute service's hosts, over HTTP.</summary>
internal sealed class HttpVolumeHosts(HttpClient http) : IVolumeHosts
{
    private const string Root = "/internal/v1/volume-hosts";

    public async Task<VolumeHost> ChooseAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, Root, null, ct);
        return (await response.Content.ReadFromJsonAsync<VolumeHost>(JsonDefaults.Options, ct))!;
    }

    public Task PutAsync(HostedVolume volume, CancellationToken ct) => CallAsync(HttpMethod.Put, $"{Root}/volumes", volume, ct);

    public Task DeleteAsync(string host, string volume, CancellationToken ct) =>
        CallAsync(HttpMethod.Delete, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}", null, ct);

    public async Task<IReadOnlyList<HeldVolume>> ListAsync(string host, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, $"{Root}/{Uri.EscapeDataString(host)}/volumes", null, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HeldVolume>>(JsonDefaults.Options, ct))!;
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
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HostedSnapshot>>(JsonDefaults.Options, ct))!;
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
        return (await response.Content.ReadFromJsonAsync<HostedExtents>(JsonDefaults.Options, ct))!;
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
        return (await response.Content.ReadFromJsonAsync<ImportProgress>(JsonDefaults.Options, ct))!.Next;
    }

    public async Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct)
    {
        using var response = await SendAsync(
            HttpMethod.Get, $"{Root}/{Uri.EscapeDataString(host)}/volumes/{volume}/metrics", null, ct);
        return (await response.Content.ReadFromJsonAsync<HostedVolumeMetrics>(JsonDefaults.Options, ct))!;
    }

    public async Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{Root}/images", image, ct);
        return (await response.Content.ReadFromJsonAsync<VolumeImage>(JsonDefaults.Options, ct))!;
    }

    public Task RotateMasterKeysAsync(CancellationToken ct) => CallAsync(HttpMethod.Post, $"{Root}/master-keys/rotate", null, ct);

    public async Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Get, $"{Root}/master-keys", null, ct);
        return (await response.Content.ReadFromJsonAsync<IReadOnlyList<HostMasterKey>>(JsonDefaults.Options, ct))!;
    }

    public Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct) =>
        FindAsync<VolumeImage>($"{Root}/images/{Uri.EscapeDataString(image)}?project={Uri.EscapeDataString(project)}", ct);

    private async Task<T?> FindAsync<T>(string path, CancellationToken ct)
        where T : class
    {
        try
        {
            using var response = await SendAsync(HttpMethod.Get, path, null, ct);
            return await response.Content.ReadFromJsonAsync<T>(JsonDefaults.Options, ct);
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

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = body as HttpContent ?? JsonContent.Create(body, body.GetType(), options: JsonDefaults.Options);
        }

        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (Exception away) when (away is HttpRequestException || (away is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw new CloudException(ErrorKind.Unavailable, "compute-unreachable", "The compute service does not answer now.", away);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await ToRefusalAsync(response, ct);
        }
    }

    private static async Task<CloudException> ToRefusalAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var (code, detail) = ("compute-failed", "The compute service could not do it.");
        try
        {
            using var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync(ct));
            code = problem.RootElement.GetProperty("code").GetString() ?? code;
            detail = problem.RootElement.GetProperty("detail").GetString() ?? detail;
        }
        catch (Exception other) when (other is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not a problem document: the status alone tells.
        }

        return new CloudException(
            response.StatusCode switch
            {
                HttpStatusCode.NotFound => ErrorKind.NotFound,
                HttpStatusCode.Conflict => ErrorKind.Conflict,
                HttpStatusCode.BadRequest => ErrorKind.Invalid,
                _ => ErrorKind.Unavailable,
            },
            code,
            detail);
    }

    private sealed record ImportProgress(long? Next);
}
