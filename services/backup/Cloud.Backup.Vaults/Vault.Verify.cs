using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>What a verify found.</summary>
/// <param name="ReadBytes">How much was read.</param>
/// <param name="Lost">Files and chunks that are gone or not what was stored, by name, in words.</param>
/// <param name="DamagedPoints">The points that need any of it, with the first reason of each.</param>
public sealed record VerifyReport(long ReadBytes, IReadOnlyList<string> Lost, IReadOnlyDictionary<string, string> DamagedPoints);

public sealed partial class Vault
{
    /// <inheritdoc cref="VerifyAsync(IReadOnlyDictionary{string, string}, CancellationToken)"/>
    public Task<VerifyReport> VerifyAsync(CancellationToken ct) => VerifyAsync(new Dictionary<string, string>(), ct);

    /// <summary>
    /// Reads everything and says what is not as it was stored. A chunk found damaged is not found any more: the next backup that sees its
    /// bytes stores it again, and with it heals every point that names it. What is good of a damaged pack is kept in a new one.
    /// </summary>
    /// <param name="digests">Those of the points' files, by who had them stored.</param>
    /// <param name="ct">Ends it.</param>
    public async Task<VerifyReport> VerifyAsync(IReadOnlyDictionary<string, string> digests, CancellationToken ct)
    {
        await _maintenance.WaitAsync(ct);
        try
        {
            var lost = new List<string>();
            long read = 0;
            foreach (var pack in ReadablePacks())
            {
                var bytes = await Storage.ReadAsync(pack.Id.PackName, 0, (int)Math.Min(pack.SizeBytes, int.MaxValue), ct) ?? [];
                read += bytes.Length;
                await JudgeAsync(pack, bytes, lost, ct);
            }

            foreach (var pack in Unreadable())
            {
                lost.Add($"pack {pack.Value}: it is not what was stored");
                await RemovePackAsync(pack, ct);
            }

            return new VerifyReport(read, lost, await FindDamagedPointsAsync(digests, ct));
        }
        finally
        {
            _maintenance.Release();
        }
    }

    /// <summary>The points that name a chunk which the vault does not have; without reading the chunks themselves.</summary>
    private async Task<IReadOnlyDictionary<string, string>> FindDamagedPointsAsync(
        IReadOnlyDictionary<string, string> digests, CancellationToken ct)
    {
        var damaged = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var point in await ListPointsAsync(ct))
        {
            if (await FindDamageAsync(point, digests.GetValueOrDefault(point), ct) is { } reason)
            {
                damaged[point] = reason;
            }
        }

        return damaged;
    }

    /// <returns>Null where the vault has all that the point names.</returns>
    public async Task<string?> FindDamageAsync(string point, string? digest, CancellationToken ct)
    {
        try
        {
            var document = await ReadPointAsync(point, digest, ct);
            foreach (var name in document.Streams.SelectMany(stream => stream.Nodes))
            {
                var node = ChunkId.Parse(name);
                var missing = node.IsHole ? null : FirstMissing(ChunkTree.ReadNode(await ReadChunkAsync(node, ct)));
                if (missing is not null)
                {
                    return $"Chunk {missing} is gone.";
                }
            }

            return null;
        }
        catch (VaultException damage)
        {
            return damage.Message;
        }
    }

    private ChunkId? FirstMissing(ChunkId[] ids)
    {
        lock (_gate)
        {
            foreach (var id in ids)
            {
                if (!id.IsHole && !_places.ContainsKey(id))
                {
                    return id;
                }
            }
        }

        return null;
    }

    private List<PackId> Unreadable()
    {
        lock (_gate)
        {
            return [.. _unreadable];
        }
    }

    private async Task JudgeAsync(PackContent pack, byte[] bytes, List<string> lost, CancellationToken ct)
    {
        using var cipher = new AesGcm(Key.ForPack(pack.Id), Pack.TagBytes);
        var opened = PackOpener.Open(cipher, pack.Records, bytes);
        var good = new HashSet<int>();
        var bad = new List<ChunkId>();
        foreach (var (record, _, chunk) in opened.Where(one => IsFoundIn(pack, one.Record)))
        {
            if (chunk is not null && Key.NameOf(chunk) == record.Id)
            {
                good.Add(record.Ordinal);
            }
            else
            {
                bad.Add(record.Id);
            }
        }

        if (bad.Count == 0)
        {
            return;
        }

        lost.Add(bytes.Length == 0
            ? $"pack {pack.Id.Value}: it is gone, with {bad.Count} chunks"
            : $"pack {pack.Id.Value}: {bad.Count} chunks are not what was stored, the first is {bad[0]}");
        lock (_gate)
        {
            bad.ForEach(chunk => _places.Remove(chunk));
        }

        using var salvaged = new PackBuilder(Key);
        var emptied = new List<PackId>();
        await MoveAsync(pack, opened, good, salvaged, emptied, _ => { }, ct);
        await FinishMoveAsync(salvaged, emptied, _ => { }, ct);
    }
}
