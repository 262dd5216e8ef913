using System.Globalization;
using System.Net.WebSockets;
using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.Compute.Hosts;

/// <summary>A host's agent in another process, over HTTP.</summary>
internal sealed class HttpHostAgent(HttpClient http) : IHostAgent, IVolumeStore
{
    private static readonly CalledService Service = new("host", "The instance's host");

    private const string Root = "/internal/v1/host";
    private const string VolumesRoot = $"{Root}/volumes";
    private const string GuestSnapshotsRoot = $"{Root}/guest-snapshots";
    private const string SnapshotsRoot = $"{Root}/volume-snapshots";
    private const string ContentRoot = $"{Root}/volume-content";

    public IVolumeStore Volumes => this;

    public Task<HostReport> DescribeAsync(CancellationToken ct) => GetAsync<HostReport>(Root, ct);

    public Task<IReadOnlyList<HostEngineDetail>> ExamineEnginesAsync(CancellationToken ct) =>
        GetAsync<IReadOnlyList<HostEngineDetail>>($"{Root}/engines", ct);

    public Task<IReadOnlyList<GuestReport>> ListAsync(CancellationToken ct) => GetAsync<IReadOnlyList<GuestReport>>($"{Root}/guests", ct);

    public async Task<GuestReport?> FindAsync(string id, CancellationToken ct)
    {
        try
        {
            return await GetAsync<GuestReport>($"{Root}/guests/{id}", ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<GuestChanges> WatchAsync(long afterGeneration, CancellationToken ct) =>
        GetAsync<GuestChanges>(string.Create(CultureInfo.InvariantCulture, $"{Root}/changes?after={afterGeneration}"), ct);

    public Task<GuestReport> DefineAsync(GuestSpec spec, CancellationToken ct) =>
        SendAsync<GuestReport>(HttpMethod.Put, $"{Root}/guests", spec, ct);

    public Task<GuestReport> StartAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "start", ct);

    public Task PowerDownAsync(string id, CancellationToken ct) => ActAsync(id, "power-down", ct);

    public Task<GuestReport> KillAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "kill", ct);

    public Task<GuestReport> ResetAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "reset", ct);

    public Task<GuestReport> PauseAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "pause", ct);

    public Task<GuestReport> ResumeAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "resume", ct);

    public Task<GuestReport> SuspendAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "suspend", ct);

    public Task<StoredGuestSnapshot> SnapshotAsync(string id, string snapshot, bool withVolumes, CancellationToken ct) =>
        SendAsync<StoredGuestSnapshot>(
            HttpMethod.Put, $"{Root}/guests/{id}/snapshots/{snapshot}?withVolumes={(withVolumes ? "true" : "false")}", null, ct);

    public Task<GuestReport> RestoreAsync(string id, string snapshot, CancellationToken ct) =>
        ActAsync<GuestReport>(id, $"snapshots/{snapshot}/restore", ct);

    public Task<GuestReport> ReplaceRootAsync(string id, string snapshot, CancellationToken ct) =>
        SendAsync<GuestReport>(HttpMethod.Put, $"{Root}/guests/{id}/root?snapshot={snapshot}", null, ct);

    public Task<IReadOnlyList<StoredGuestSnapshot>> ListGuestSnapshotsAsync(CancellationToken ct) =>
        GetAsync<IReadOnlyList<StoredGuestSnapshot>>(GuestSnapshotsRoot, ct);

    public async Task DeleteGuestSnapshotAsync(string snapshot, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{GuestSnapshotsRoot}/{snapshot}", null, ct);
    }

    public async Task RemoveAsync(string id, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{Root}/guests/{id}", null, ct);
    }

    public Task<GuestReport> AttachVolumeAsync(string id, GuestVolume volume, CancellationToken ct) =>
        SendAsync<GuestReport>(HttpMethod.Put, $"{Root}/guests/{id}/volumes", volume, ct);

    public Task<GuestReport> DetachVolumeAsync(string id, string volume, bool force, CancellationToken ct) =>
        SendAsync<GuestReport>(HttpMethod.Delete, $"{Root}/guests/{id}/volumes/{volume}?force={(force ? "true" : "false")}", null, ct);

    public Task<GuestDeparture> DescribeDepartureAsync(string id, CancellationToken ct) =>
        GetAsync<GuestDeparture>($"{Root}/guests/{id}/departure", ct);

    public Task<GuestArrival> AwaitGuestAsync(GuestDeparture departure, CancellationToken ct) =>
        SendAsync<GuestArrival>(HttpMethod.Put, $"{Root}/arrivals", departure, ct);

    public Task<bool> EndArrivalAsync(string id, CancellationToken ct) =>
        SendAsync<bool>(HttpMethod.Delete, $"{Root}/arrivals/{id}", null, ct);

    public Task<GuestMoveReport> MoveGuestAsync(string id, GuestMove move, CancellationToken ct) =>
        SendAsync<GuestMoveReport>(HttpMethod.Post, $"{Root}/guests/{id}/move", move, ct);

    public async Task<GuestMoveReport?> FindMoveAsync(string id, CancellationToken ct)
    {
        try
        {
            return await GetAsync<GuestMoveReport>($"{Root}/guests/{id}/move", ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task CancelMoveAsync(string id, CancellationToken ct) => ActAsync(id, "move/cancel", ct);

    public async Task ForgetDepartedAsync(string id, IReadOnlyList<string> departed, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{Root}/guests/{id}/forget-departed", departed, ct);
    }

    public Task<GuestReport> StayAsync(string id, CancellationToken ct) => ActAsync<GuestReport>(id, "stay", ct);

    public async Task SetPeersAsync(IReadOnlyList<HostPeer> peers, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Put, $"{Root}/peers", peers, ct);
    }

    public async Task SetServicesAsync(IReadOnlyList<HostService> services, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Put, $"{Root}/services", services, ct);
    }

    public Task<GuestMetrics> ReadMetricsAsync(string id, CancellationToken ct) =>
        GetAsync<GuestMetrics>($"{Root}/guests/{id}/metrics", ct);

    public Task<GuestExits> ReadExitsAsync(string id, CancellationToken ct) => GetAsync<GuestExits>($"{Root}/guests/{id}/exits", ct);

    public Task<IReadOnlyList<GuestHart>> ReadHartsAsync(string id, string? address, CancellationToken ct) =>
        GetAsync<IReadOnlyList<GuestHart>>(
            $"{Root}/guests/{id}/harts{(address is null ? "" : $"?address={Uri.EscapeDataString(address)}")}", ct);

    public Task<GuestExec> ExecAsync(string id, IReadOnlyList<string> command, CancellationToken ct) =>
        SendAsync<GuestExec>(HttpMethod.Post, $"{Root}/guests/{id}/exec", command, ct);

    public Task<ContainerCommandEnd> RunAsync(
        string id, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct) =>
        ContainerCommandSocket.CallAsync(http, $"{Root}/guests/{id}/run", Service, command, input, output, ct);

    public async Task<ConsoleChunk> ReadConsoleAsync(string id, long offset, CancellationToken ct)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{Root}/guests/{id}/console?offset={offset}");
        using var response = await SendAsync(HttpMethod.Get, path, null, ct);
        return new ConsoleChunk(
            HeaderOf(response, HostApiHeaders.Offset), HeaderOf(response, HostApiHeaders.NextOffset),
            await response.Content.ReadAsByteArrayAsync(ct));
    }

    public async Task<Stream> OpenConsoleAsync(string id, CancellationToken ct)
    {
        var socket = new ClientWebSocket();
        var address = new UriBuilder(new Uri(http.BaseAddress!, $"{Root}/guests/{id}/console/ws")) { Scheme = "ws" };
        try
        {
            await socket.ConnectAsync(address.Uri, http, ct);
        }
        catch (WebSocketException refused)
        {
            socket.Dispose();
            throw CloudException.Conflict(HostErrors.NotRunning, $"The console cannot be opened: {refused.Message}");
        }

        return WebSocketStream.Create(socket, WebSocketMessageType.Binary, ownsWebSocket: true);
    }

    public Task<StoredVolume> CreateVolumeAsync(VolumeSpec spec, CancellationToken ct) =>
        SendAsync<StoredVolume>(HttpMethod.Put, VolumesRoot, spec, ct);

    public Task<GuestArrival> AwaitVolumeAsync(string volume, CancellationToken ct) =>
        SendAsync<GuestArrival>(HttpMethod.Post, $"{VolumesRoot}/{volume}/await", null, ct);

    public async Task SendVolumeAsync(string volume, GuestArrival to, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{VolumesRoot}/{volume}/send", to, ct);
    }

    public async Task KeepVolumeAsync(string volume, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{VolumesRoot}/{volume}/keep", null, ct);
    }

    public async Task ForgetVolumeAsync(string volume, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{VolumesRoot}/{volume}/forget", null, ct);
    }

    public Task<IReadOnlyList<StoredVolume>> ListVolumesAsync(CancellationToken ct) =>
        GetAsync<IReadOnlyList<StoredVolume>>(VolumesRoot, ct);

    public async Task<StoredVolume?> FindVolumeAsync(string volume, CancellationToken ct)
    {
        try
        {
            return await GetAsync<StoredVolume>($"{VolumesRoot}/{volume}", ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<StoredVolume> ResizeVolumeAsync(string volume, long sizeBytes, CancellationToken ct) => SendAsync<StoredVolume>(
        HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"{VolumesRoot}/{volume}/resize?sizeBytes={sizeBytes}"), null, ct);

    public async Task DeleteVolumeAsync(string volume, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{VolumesRoot}/{volume}", null, ct);
    }

    public Task<IReadOnlyList<StoredSnapshot>> SnapshotVolumesAsync(
        IReadOnlyDictionary<string, string> snapshots, CancellationToken ct) =>
        SendAsync<IReadOnlyList<StoredSnapshot>>(HttpMethod.Put, SnapshotsRoot, snapshots, ct);

    public Task<IReadOnlyList<StoredSnapshot>> ListSnapshotsAsync(CancellationToken ct) =>
        GetAsync<IReadOnlyList<StoredSnapshot>>(SnapshotsRoot, ct);

    public async Task DeleteSnapshotAsync(string snapshot, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Delete, $"{SnapshotsRoot}/{snapshot}", null, ct);
    }

    public Task<StoredVolume> RestoreVolumeAsync(string volume, string snapshot, CancellationToken ct) =>
        SendAsync<StoredVolume>(HttpMethod.Post, $"{VolumesRoot}/{volume}/restore?snapshot={snapshot}", null, ct);

    public async Task StageAsync(string volume, long offset, Stream content, CancellationToken ct)
    {
        using var body = new StreamContent(content);
        using var response = await SendAsync(
            HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{VolumesRoot}/{volume}/incoming?offset={offset}"), body, ct);
    }

    public async Task<long?> ImportAsync(string volume, long fileBytes, long from, CancellationToken ct)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{VolumesRoot}/{volume}/import?fileBytes={fileBytes}&from={from}");
        return (await SendAsync<ImportProgress>(HttpMethod.Post, path, null, ct)).Next;
    }

    public async Task<StoredVolumeMetrics?> ReadVolumeMetricsAsync(string volume, CancellationToken ct) =>
        await GetAsync<StoredVolumeMetrics>($"{VolumesRoot}/{volume}/metrics", ct);

    public async Task RotateMasterKeyAsync(CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{Root}/volume-key/rotate", null, ct);
    }

    public Task<VolumeMasterKey> ReadMasterKeyAsync(CancellationToken ct) => GetAsync<VolumeMasterKey>($"{Root}/volume-key", ct);

    public async Task<Stream> ReadContentAsync(string source, long offset, long lengthBytes, CancellationToken ct)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{ContentRoot}/{source}?offset={offset}&lengthBytes={lengthBytes}");
        // The response ends with its stream.
        var response = await SendAsync(HttpMethod.Get, path, null, ct);
        return await response.Content.ReadAsStreamAsync(ct);
    }

    public async Task WriteContentAsync(string volume, long offset, Stream content, CancellationToken ct)
    {
        using var body = new StreamContent(content);
        using var response = await SendAsync(
            HttpMethod.Put, string.Create(CultureInfo.InvariantCulture, $"{ContentRoot}/{volume}?offset={offset}"), body, ct);
    }

    public Task<VolumeExtents> ListExtentsAsync(string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"{SnapshotsRoot}/{snapshot}/extents?offset={offset}&countMax={countMax}");
        return GetAsync<VolumeExtents>(since is null ? path : $"{path}&since={since}", ct);
    }

    private Task<T> ActAsync<T>(string id, string verb, CancellationToken ct) =>
        SendAsync<T>(HttpMethod.Post, $"{Root}/guests/{id}/{verb}", null, ct);

    private async Task ActAsync(string id, string verb, CancellationToken ct)
    {
        using var response = await SendAsync(HttpMethod.Post, $"{Root}/guests/{id}/{verb}", null, ct);
    }

    private Task<T> GetAsync<T>(string path, CancellationToken ct) => SendAsync<T>(HttpMethod.Get, path, null, ct);

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await SendAsync(method, path, body, ct);
        return (await response.Content.ReadFromJsonAsync<T>(JsonDefaults.Options, ct))!;
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = body as HttpContent ?? JsonContent.Create(body, body.GetType(), options: JsonDefaults.Options);
        }

        return await Service.SendAsync(http, request, ct);
    }

    private static long HeaderOf(HttpResponseMessage response, string name) =>
        long.Parse(response.Headers.GetValues(name).First(), CultureInfo.InvariantCulture);
}
