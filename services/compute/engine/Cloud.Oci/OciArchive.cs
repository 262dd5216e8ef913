using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Cloud.Oci;

/// <summary>
/// An OCI archive: an image layout (image-spec, image-layout.md) in one tar file. Nothing of it is ever unpacked but the layers, and no
/// name in it becomes a path: its blobs are found by their digests.
/// </summary>
public sealed class OciArchive : IDisposable
{
    private const string IndexName = "index.json";
    private const string BlobFolder = "blobs/sha256/";
    private const int EntriesMax = 4096;
    private const int DocumentBytesMax = 4 << 20;
    private const int LayersMax = 120;
    private const int NestingMax = 4;
    private const int BufferBytes = 1 << 20;

    private readonly FileStream _file;
    private readonly Dictionary<string, (long Offset, long Length)> _entries = new(StringComparer.Ordinal);

    private OciArchive(FileStream file) => _file = file;

    /// <summary>Reads which parts there are.</summary>
    /// <exception cref="OciException">It is no such archive.</exception>
    public static async Task<OciArchive> OpenAsync(string path, CancellationToken ct)
    {
        var archive = new OciArchive(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0, useAsync: false));
        try
        {
            await archive.ListAsync(ct);
            return archive;
        }
        catch (Exception broken) when (broken is InvalidDataException or EndOfStreamException or FormatException or ArgumentException)
        {
            archive.Dispose();
            throw new OciException("The file is no tar archive of an OCI image layout.", broken);
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>The image of the archive for an architecture by its OCI name: its manifest, its configuration, its layers.</summary>
    /// <exception cref="OciException">There is none, or it is not whole.</exception>
    public async Task<OciImage> ReadImageAsync(string architecture, CancellationToken ct)
    {
        var bytes = await ReadDocumentAsync(IndexName, null, ct);
        var manifest = Parse(bytes, OciJson.Default.OciManifest);
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";
        for (var nesting = 0; manifest.Manifests is { } manifests; nesting++)
        {
            var chosen = nesting < NestingMax ? Choose(manifests, architecture) : throw new OciException("The image's index has no end.");
            manifest = Parse(await ReadDocumentAsync(BlobFolder + chosen.Hex, chosen.Hex, ct), OciJson.Default.OciManifest);
            digest = chosen.Digest;
        }

        if (manifest.Config is not { } descriptor || manifest.Layers is not { Count: >= 1 and <= LayersMax } layers)
        {
            throw new OciException($"The image's manifest has no configuration, or not between 1 and {LayersMax} layers.");
        }

        var config = Parse(await ReadDocumentAsync(BlobFolder + descriptor.Hex, descriptor.Hex, ct), OciJson.Default.OciConfig);
        return OciImage.From(digest, config, layers, architecture);
    }

    /// <summary>A layer's bytes as they are unpacked. What is read to the end must then be checked against its digest.</summary>
    /// <exception cref="OciException">It is not there, or compressed in a way that is not known.</exception>
    public Stream OpenLayer(OciLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return LayerCompression.Open(OpenBlob(layer.Descriptor), layer.Descriptor.MediaType);
    }

    /// <summary>Reads all that the image is made of and compares it with its digests; refuses layers that hold what no layer may.</summary>
    /// <exception cref="OciException">Something is not as its digest says, or hostile.</exception>
    public async Task VerifyAsync(OciImage image, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(image);
        foreach (var layer in image.Layers)
        {
            await using (var blob = OpenBlob(layer.Descriptor))
            {
                Require(Convert.ToHexStringLower(await SHA256.HashDataAsync(blob, ct)), layer.Descriptor.Hex, "A layer");
            }

            await using var tar = new HashedStream(OpenLayer(layer));
            await LayerReader.ReadAsync(tar, _ => { }, ct);
            Require(await tar.FinishAsync(ct), layer.DiffHex, "What a layer unpacks to");
        }
    }

    public void Dispose() => _file.Dispose();

    internal static void Require(string found, string expected, string what)
    {
        if (found != expected)
        {
            throw new OciException($"{what} has another SHA-256 than the image says: {found}, not {expected}.");
        }
    }

    private static OciDescriptor Choose(IReadOnlyList<OciDescriptor> manifests, string architecture)
    {
        var fits = manifests.Where(one => one is not null
            && (one.Platform is null || (one.Platform.Architecture == architecture && one.Platform.Os is null or "linux"))).ToList();
        return fits switch
        {
            [var one] => one,
            [] => throw new OciException($"The image is not made for linux on {architecture}."),
            _ => throw new OciException("The archive holds several images; give one of one image."),
        };
    }

    private static T Parse<T>(byte[] bytes, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw new OciException("A part of the image is empty.");
        }
        catch (JsonException broken)
        {
            throw new OciException("A part of the image is no JSON of the form that the specification asks for.", broken);
        }
    }

    private async Task ListAsync(CancellationToken ct)
    {
        await using var tar = new TarReader(_file, leaveOpen: true);
        var count = 0;
        while (await tar.GetNextEntryAsync(copyData: false, ct) is { } entry)
        {
            if (++count > EntriesMax)
            {
                throw new OciException($"The archive has more than {EntriesMax} parts.");
            }

            var name = entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;
            if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
            {
                _entries[name] = (entry.DataOffset, entry.Length);
            }
        }

        if (!_entries.ContainsKey(IndexName))
        {
            throw new OciException("The archive has no index.json: it is no OCI image layout.");
        }
    }

    private async Task<byte[]> ReadDocumentAsync(string name, string? hex, CancellationToken ct)
    {
        if (!_entries.TryGetValue(name, out var entry) || entry.Length > DocumentBytesMax)
        {
            throw new OciException("The archive lacks a part that the image names, or the part is too large.");
        }

        var bytes = new byte[entry.Length];
        await RandomAccess.ReadAsync(_file.SafeFileHandle, bytes, entry.Offset, ct);
        if (hex is not null)
        {
            Require(Convert.ToHexStringLower(SHA256.HashData(bytes)), hex, "A part of the image");
        }

        return bytes;
    }

    private BufferedStream OpenBlob(OciDescriptor descriptor) =>
        _entries.TryGetValue(BlobFolder + descriptor.Hex, out var entry)
            ? new BufferedStream(new FilePart(_file.SafeFileHandle, entry.Offset, entry.Length), BufferBytes)
            : throw new OciException("The archive lacks a layer that the image names.");
}
