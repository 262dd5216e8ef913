using System.Formats.Tar;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cloud.Oci;

/// <summary>
/// Brings an image from a registry (distribution-spec, "Pull") into one OCI archive. What arrives is taken for what it is only when its
/// digest says so; all that is asked goes through the caller, who says which addresses may be reached.
/// </summary>
/// <param name="send">Sends a request and answers when the headers are there.</param>
/// <param name="progress">Told how many bytes have come.</param>
public sealed partial class RegistryPull(
    Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send, Func<long, Task> progress)
{
    private const int ManifestBytesMax = 4 << 20;
    private const int LayersMax = 120;
    private const int BufferBytes = 1 << 20;

    private static readonly string[] ManifestTypes =
    [
        "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
    ];

    private string? _token;
    private long _bytes;

    /// <summary>Writes the image for an architecture to a file.</summary>
    /// <param name="reference">The image.</param>
    /// <param name="architecture">By its OCI name.</param>
    /// <param name="path">The archive that is made.</param>
    /// <param name="bytesMax">How large it may become.</param>
    /// <exception cref="OciException">The registry does not give it, or it is not what it says.</exception>
    public async Task RunAsync(RegistryReference reference, string architecture, string path, long bytesMax, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(reference);
        var bytes = await ReadManifestAsync(reference, reference.Version, reference.IsDigest, ct);
        var manifest = Parse(bytes);
        if (manifest.Manifests is { } several)
        {
            var fits = several.FirstOrDefault(one => one?.Platform is { } platform
                && platform.Architecture == architecture && platform.Os is null or "linux")
                ?? throw new OciException($"The image is not made for linux on {architecture}.");
            bytes = await ReadManifestAsync(reference, $"sha256:{fits.Hex}", isDigest: true, ct);
            manifest = Parse(bytes);
        }

        if (manifest.Config is not { } config || manifest.Layers is not { Count: >= 1 and <= LayersMax } layers)
        {
            throw new OciException("The registry's answer is no image that containers are made of.");
        }

        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, BufferBytes);
        await using var tar = new TarWriter(file, leaveOpen: true);
        await AddAsync(tar, "index.json", Index(bytes, manifest), ct);
        await AddAsync(tar, $"blobs/sha256/{Hex(bytes)}", bytes, ct);
        foreach (var blob in layers.Append(config).DistinctBy(blob => blob.Digest))
        {
            await AddBlobAsync(tar, reference, blob, path + ".blob", bytesMax, ct);
        }
    }

    private static byte[] Index(byte[] manifest, OciManifest parsed) => JsonSerializer.SerializeToUtf8Bytes(
        new OciManifest
        {
            Manifests =
            [
                new OciDescriptor
                {
                    MediaType = parsed.MediaType ?? "application/vnd.oci.image.manifest.v1+json",
                    Digest = $"sha256:{Hex(manifest)}",
                    Size = manifest.Length,
                },
            ],
        },
        OciJson.Default.OciManifest);

    private static OciManifest Parse(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, OciJson.Default.OciManifest) ?? throw new OciException("The manifest is empty.");
        }
        catch (JsonException broken)
        {
            throw new OciException("The registry's manifest is no JSON of the form that the specification asks for.", broken);
        }
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static async Task AddAsync(TarWriter tar, string name, byte[] bytes, CancellationToken ct) =>
        await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) }, ct);

    private async Task<byte[]> ReadManifestAsync(RegistryReference reference, string version, bool isDigest, CancellationToken ct)
    {
        using var response = await GetAsync(reference, $"manifests/{version}", ManifestTypes, ct);
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        var bytes = new byte[ManifestBytesMax];
        var length = await body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, ct);
        if (length == bytes.Length)
        {
            throw new OciException("The image's manifest is too large.");
        }

        bytes = bytes[..length];
        if (isDigest)
        {
            OciArchive.Require(Hex(bytes), OciDescriptor.HexOf(version), "The manifest that the registry gave");
        }

        return bytes;
    }

    private async Task AddBlobAsync(
        TarWriter tar, RegistryReference reference, OciDescriptor blob, string beside, long bytesMax, CancellationToken ct)
    {
        var hex = blob.Hex;
        try
        {
            await using var file = new FileStream(beside, FileMode.Create, FileAccess.ReadWrite, FileShare.None, BufferBytes);
            using (var response = await GetAsync(reference, $"blobs/sha256:{hex}", [], ct))
            {
                await using var body = await response.Content.ReadAsStreamAsync(ct);
                OciArchive.Require(await CopyAsync(body, file, bytesMax, ct), hex, "A part that the registry gave");
            }

            file.Position = 0;
            await tar.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, $"blobs/sha256/{hex}") { DataStream = file }, ct);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    private async Task<string> CopyAsync(Stream body, FileStream file, long bytesMax, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[BufferBytes];
        int read;
        while ((read = await body.ReadAsync(buffer, ct)) > 0)
        {
            _bytes += read;
            if (_bytes > bytesMax)
            {
                throw new OciException($"The image has more than {bytesMax >> 20} MiB.");
            }

            hash.AppendData(buffer.AsSpan(0, read));
            await file.WriteAsync(buffer.AsMemory(0, read), ct);
            await progress(_bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Asks the registry; where it wants a token, gets one as anybody may.</summary>
    private async Task<HttpResponseMessage> GetAsync(
        RegistryReference reference, string path, IReadOnlyList<string> accept, CancellationToken ct)
    {
        var url = new Uri(reference.Registry, $"v2/{reference.Name}/{path}");
        var response = await SendAsync(url, accept, ct);
        if (response.StatusCode == HttpStatusCode.Unauthorized && _token is null && response.Headers.WwwAuthenticate
            .FirstOrDefault(one => string.Equals(one.Scheme, "Bearer", StringComparison.OrdinalIgnoreCase)) is { Parameter: { } how })
        {
            response.Dispose();
            _token = await ReadTokenAsync(how, reference, ct);
            response = await SendAsync(url, accept, ct);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw new OciException(response.StatusCode switch
            {
                HttpStatusCode.NotFound => $"The registry has no '{reference.Name}' of that version.",
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "The registry gives it to nobody without a login.",
                _ => $"The registry answered {(int)response.StatusCode}.",
            });
        }
    }

    private async Task<HttpResponseMessage> SendAsync(Uri url, IReadOnlyList<string> accept, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        foreach (var type in accept)
        {
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        }

        if (_token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _token);
        }

        return await send(request, ct);
    }

    private async Task<string> ReadTokenAsync(string how, RegistryReference reference, CancellationToken ct)
    {
        var parts = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (Match part in Parameter().Matches(how))
        {
            parts[part.Groups[1].Value] = part.Groups[2].Value;
        }

        if (!parts.TryGetValue("realm", out var realm) || !Uri.TryCreate(realm, UriKind.Absolute, out var at)
            || at.Scheme is not ("http" or "https"))
        {
            throw new OciException("The registry wants a token and does not say from where.");
        }

        var query = $"service={Uri.EscapeDataString(parts.GetValueOrDefault("service") ?? "")}"
            + $"&scope={Uri.EscapeDataString($"repository:{reference.Name}:pull")}";
        using var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(at) { Query = query }.Uri);
        using var response = await send(request, ct);
        if (!response.IsSuccessStatusCode)
        {
            throw new OciException($"The registry's token service answered {(int)response.StatusCode}.");
        }

        try
        {
            using var answer = await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(ct), default, ct);
            return (answer.RootElement.TryGetProperty("token", out var token) ? token : answer.RootElement.GetProperty("access_token"))
                .GetString() ?? throw new OciException("The registry's token service gave no token.");
        }
        catch (Exception broken) when (broken is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new OciException("The registry's token service gave no token.", broken);
        }
    }

    [GeneratedRegex("([A-Za-z]+)=\"([^\"]*)\"", RegexOptions.CultureInvariant)]
    private static partial Regex Parameter();
}
