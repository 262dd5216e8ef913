using System.Security.Cryptography;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Vaults;

/// <summary>
/// Reads single chunks. What lies beside a chunk was stored with it and is mostly asked for next, so it is kept for a while.
/// </summary>
internal sealed class PackReader(IVaultStorage storage, VaultKey key)
{
    private const int PartsMax = 16;
    private const int FramesMax = 8;

    private readonly Lock _gate = new();

    /// <summary>The parts of packs that were read last.</summary>
    private readonly LinkedList<Part> _parts = [];

    /// <summary>The frames that were opened last.</summary>
    private readonly LinkedList<Frame> _frames = [];

    /// <returns>Null where it is gone or not what was stored.</returns>
    public async Task<byte[]?> ReadAsync(PackContent pack, int ordinal, CancellationToken ct)
    {
        if (FindOpened(pack.Id, ordinal) is { } chunk)
        {
            return chunk;
        }

        var records = pack.FrameOf(ordinal);
        var origin = records[0].Offset;
        var part = await ReadPartAsync(pack.Id, origin, records[^1].Offset + Pack.RecordHeaderBytes + records[^1].StoredBytes, ct);
        if (part is null)
        {
            return null;
        }

        using var cipher = new AesGcm(part.Key, Pack.TagBytes);
        var opened = PackOpener.Open(cipher, records, part.Bytes, part.Offset);
        if (records.Count > 1)
        {
            Keep(_frames, new Frame(pack.Id, opened), FramesMax);
        }

        return opened.Find(one => one.Record.Ordinal == ordinal).Chunk;
    }

    public void Forget(PackId pack)
    {
        lock (_gate)
        {
            foreach (var part in _parts.Where(part => part.Pack == pack).ToList())
            {
                _parts.Remove(part);
            }

            foreach (var frame in _frames.Where(frame => frame.Pack == pack).ToList())
            {
                _frames.Remove(frame);
            }
        }
    }

    private byte[]? FindOpened(PackId pack, int ordinal) =>
        Find(_frames, frame => frame.Pack == pack && frame.Opened.Exists(one => one.Record.Ordinal == ordinal))?
            .Opened.Find(one => one.Record.Ordinal == ordinal).Chunk;

    /// <returns>What there is of it: the pack may end before. Null where there is no such pack.</returns>
    private async Task<Part?> ReadPartAsync(PackId pack, int from, int to, CancellationToken ct)
    {
        if (Find(_parts, part => part.Pack == pack && part.Offset <= from && to <= part.Offset + part.Bytes.Length) is { } found)
        {
            return found;
        }

        var bytes = await storage.ReadAsync(pack.PackName, from, Math.Max(to - from, storage.ReadBytes), ct);
        return bytes is null ? null : Keep(_parts, new Part(pack, from, bytes, key.ForPack(pack)), PartsMax);
    }

    private T? Find<T>(LinkedList<T> kept, Predicate<T> isIt)
        where T : class
    {
        lock (_gate)
        {
            for (var one = kept.First; one is not null; one = one.Next)
            {
                if (isIt(one.Value))
                {
                    kept.Remove(one);
                    kept.AddFirst(one);
                    return one.Value;
                }
            }
        }

        return null;
    }

    private T Keep<T>(LinkedList<T> kept, T one, int max)
    {
        lock (_gate)
        {
            kept.AddFirst(one);
            if (kept.Count > max)
            {
                kept.RemoveLast();
            }
        }

        return one;
    }

    private sealed record Part(PackId Pack, int Offset, byte[] Bytes, byte[] Key);

    private sealed record Frame(PackId Pack, List<OpenedRecord> Opened);
}
