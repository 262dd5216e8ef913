using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>A point that was copied.</summary>
/// <param name="Digest">Of the copy's file.</param>
/// <param name="Hashes">The SHA-256 of each stream, by its name; the same in both vaults.</param>
public sealed record PointCopy(string Digest, IReadOnlyDictionary<string, string> Hashes);

public sealed partial class Vault
{
    /// <summary>
    /// Copies a point into another vault, whose key is another. What the other has already is not stored again. Both are read to the end
    /// afterwards, so that equal is proven and not believed.
    /// </summary>
    /// <param name="point">The id of the point.</param>
    /// <param name="digest">Of its file; null where nobody remembers.</param>
    /// <param name="target">The other vault.</param>
    /// <param name="writer">Of the other vault.</param>
    /// <param name="targetPoint">The id of the copy.</param>
    /// <param name="lockedUntil">How long the copy is locked.</param>
    /// <param name="copied">Told how many bytes more were copied.</param>
    /// <param name="ct">Ends it.</param>
    /// <exception cref="VaultException">The point is damaged here, or its copy is not the same.</exception>
    public async Task<PointCopy> CopyPointAsync(
        string point, string? digest, Vault target, VaultWriter writer, string targetPoint, DateTimeOffset? lockedUntil,
        Action<long> copied, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(writer);
        var document = await ReadPointAsync(point, digest, ct);
        var streams = new List<PointStream>();
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var stream in document.Streams)
        {
            await using var source = (ChunkStream)OpenStream(stream);
            var runs = new List<ByteRun>();
            for (var at = await source.NextDataAsync(0, ct); at < source.Length; at = await source.NextDataAsync(at, ct))
            {
                var length = Math.Min(ChunkTree.ChunkBytes, source.Length - at);
                runs.Add(new ByteRun(at, length));
                at += length;
            }

            var stored = await writer.PutStreamAsync(target, stream.Name, stream.SizeBytes, runs, null, OpenAt, copied, ct);
            streams.Add(stored with { Properties = stream.Properties });
            Task<Stream> OpenAt(long offset, long length, CancellationToken token)
            {
                var part = OpenStream(stream);
                part.Position = offset;
                return Task.FromResult(part);
            }

            hashes[stream.Name] = await HashAsync(stream, ct);
        }

        var copy = document with { Id = targetPoint, Streams = streams, LockedUntil = lockedUntil };
        var copyDigest = await writer.SavePointAsync(copy, ct);
        foreach (var stream in streams)
        {
            if (await target.HashAsync(stream, ct) != hashes[stream.Name])
            {
                await target.DeletePointAsync(targetPoint, ct);
                throw new VaultException(VaultFault.Damaged, $"The copy of stream {stream.Name} differs from what was copied.");
            }
        }

        return new PointCopy(copyDigest, hashes);
    }

    /// <summary>The SHA-256 of a stream's bytes.</summary>
    public async Task<string> HashAsync(PointStream stream, CancellationToken ct)
    {
        await using var bytes = OpenStream(stream);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(bytes, ct));
    }
}
