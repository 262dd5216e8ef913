using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>What a prune did.</summary>
/// <param name="FreedBytes">What packs take less.</param>
/// <param name="ChunksRemoved">Chunks that no point names.</param>
public sealed record PruneReport(long FreedBytes, long ChunksRemoved, int PacksRemoved, int PacksRewritten);

public sealed partial class Vault
{
    /// <summary>A pack is rewritten when more than this part of it is of no use; the rest of the waste is cheaper to keep.</summary>
    private const double WasteMax = 0.1;

    /// <summary>So many packs smaller than a quarter of a full one may there be before they are put together.</summary>
    private const int SmallPacksMax = 64;

    private readonly SemaphoreSlim _maintenance = new(1);

    /// <summary>
    /// Removes the chunks that no recovery point and no running backup names. Safe at any time and at any crash: what is kept is written
    /// anew before its old pack goes.
    /// </summary>
    /// <exception cref="VaultException">A point cannot be read: what it names is not known, so nothing is removed.</exception>
    public async Task<PruneReport> PruneAsync(CancellationToken ct)
    {
        await _maintenance.WaitAsync(ct);
        try
        {
            lock (_gate)
            {
                _pruning = true;
            }

            // From here on every writer's pins outlive it, so a point saved after the list was read loses nothing.
            var named = new HashSet<ChunkId>();
            foreach (var point in await ListPointsAsync(ct))
            {
                await MarkAsync(point, named, ct);
            }

            var report = await SweepAsync(named, ct);
            await RemoveStraysAsync(ct);
            return report;
        }
        finally
        {
            lock (_gate)
            {
                _pruning = false;
                _ended.Clear();
            }

            _maintenance.Release();
        }
    }

    private async Task MarkAsync(string point, HashSet<ChunkId> named, CancellationToken ct)
    {
        PointDocument document;
        try
        {
            document = await ReadPointAsync(point, ct);
        }
        catch (VaultException gone) when (gone.Fault == VaultFault.Missing)
        {
            // Removed since the list.
            return;
        }

        foreach (var name in document.Streams.SelectMany(stream => stream.Nodes))
        {
            var id = ChunkId.Parse(name);
            if (id.IsHole || !named.Add(id))
            {
                continue;
            }

            try
            {
                named.UnionWith(ChunkTree.ReadNode(await ReadChunkAsync(id, ct)));
            }
            catch (VaultException damaged) when (damaged.Fault == VaultFault.Damaged && IsKnownLost(id))
            {
                // A verify has found it gone, and the point is marked: what only it named is of no more use.
            }
        }
    }

    private bool IsKnownLost(ChunkId id)
    {
        lock (_gate)
        {
            return !_places.ContainsKey(id);
        }
    }

    private async Task<PruneReport> SweepAsync(HashSet<ChunkId> named, CancellationToken ct)
    {
        var report = new PruneReport(0, 0, 0, 0);
        var packs = ReadablePacks();
        var small = packs.Count(pack => pack.SizeBytes < PackBuilder.TargetBytes / 4);
        using var rewritten = new PackBuilder(Key);
        var emptied = new List<PackId>();
        foreach (var pack in packs)
        {
            var (kept, removed) = DropUnnamed(pack, named);
            var keptBytes = kept.Sum(record => (long)record.StoredBytes + Pack.RecordHeaderBytes) + Pack.HeaderBytes;
            var isSmall = pack.SizeBytes < PackBuilder.TargetBytes / 4 && small > SmallPacksMax;
            if (kept.Count > 0 && pack.SizeBytes - keptBytes <= pack.SizeBytes * WasteMax && !isSmall)
            {
                continue;
            }

            report = report with { FreedBytes = report.FreedBytes + pack.SizeBytes, ChunksRemoved = report.ChunksRemoved + removed };
            if (kept.Count == 0)
            {
                await RemovePackAsync(pack.Id, ct);
                report = report with { PacksRemoved = report.PacksRemoved + 1 };
                continue;
            }

            if (await MoveAsync(pack, kept, rewritten, emptied, written => report = Less(report, written), ct))
            {
                report = report with { PacksRewritten = report.PacksRewritten + 1 };
            }
            else
            {
                report = Less(report, pack.SizeBytes);
            }
        }

        await FinishMoveAsync(rewritten, emptied, written => report = Less(report, written), ct);
        return report;
    }

    private static PruneReport Less(PruneReport report, long bytes) => report with { FreedBytes = report.FreedBytes - bytes };

    private List<PackContent> ReadablePacks()
    {
        lock (_gate)
        {
            // A pack that tells nothing at all is a verify's to judge.
            return [.. _packs.Values.Where(pack => !_unreadable.Contains(pack.Id))];
        }
    }

    /// <summary>From here on nobody finds what no point and no writer names.</summary>
    private (List<PackRecord> Kept, int Removed) DropUnnamed(PackContent pack, HashSet<ChunkId> named)
    {
        var kept = new List<PackRecord>();
        var removed = 0;
        lock (_gate)
        {
            foreach (var record in pack.Records.Where(record => IsFoundIn(pack, record)))
            {
                if (named.Contains(record.Id) || _writers.Concat(_ended).Any(writer => writer.Pins.Contains(record.Id)))
                {
                    kept.Add(record);
                }
                else
                {
                    _places.Remove(record.Id);
                    removed++;
                }
            }
        }

        return (kept, removed);
    }

    /// <summary>Whether a record is the one by which its chunk is found.</summary>
    private bool IsFoundIn(PackContent pack, PackRecord record)
    {
        lock (_gate)
        {
            return _places.TryGetValue(record.Id, out var place) && place.Pack.Id == pack.Id && place.Ordinal == record.Ordinal;
        }
    }

    /// <summary>Takes what is kept of a pack into a new one.</summary>
    /// <returns>False where that does not open, and stays for a verify.</returns>
    private async Task<bool> MoveAsync(
        PackContent pack, List<PackRecord> kept, PackBuilder into, List<PackId> emptied, Action<long> written, CancellationToken ct)
    {
        var bytes = await Storage.ReadAsync(pack.Id.PackName, 0, (int)Math.Min(pack.SizeBytes, int.MaxValue), ct) ?? [];
        using var cipher = new AesGcm(Key.ForPack(pack.Id), Pack.TagBytes);
        var wanted = kept.Select(record => record.Ordinal).ToHashSet();
        var opened = PackOpener.Open(cipher, pack.Records, bytes);
        if (opened.Exists(one => one.Chunk is null && wanted.Contains(one.Record.Ordinal)))
        {
            return false;
        }

        await MoveAsync(pack, opened, wanted, into, emptied, written, ct);
        return true;
    }

    private async Task MoveAsync(
        PackContent pack, List<OpenedRecord> opened, HashSet<int> wanted, PackBuilder into, List<PackId> emptied, Action<long> written,
        CancellationToken ct)
    {
        var wholeUntil = -1;
        foreach (var (record, packed, chunk) in opened)
        {
            if (record.Method == ChunkMethod.FrameBegin)
            {
                // A frame that is wanted whole need not be compressed again.
                var frame = pack.FrameOf(record.Ordinal);
                wholeUntil = frame.TrueForAll(one => wanted.Contains(one.Ordinal)) ? frame[^1].Ordinal : -1;
            }

            if (!wanted.Contains(record.Ordinal))
            {
                continue;
            }

            if (into.IsFull && (record.Ordinal > wholeUntil || record.Method == ChunkMethod.FrameBegin))
            {
                // The pack at hand is not emptied yet: it goes with the next one written.
                await FinishMoveAsync(into, emptied, written, ct);
            }

            if (record.Ordinal <= wholeUntil || record.Method is ChunkMethod.Plain or ChunkMethod.Zstd)
            {
                into.AddPacked(record.Id, packed, record.PlainBytes, record.Method);
            }
            else
            {
                into.Add(record.Id, chunk);
            }
        }

        emptied.Add(pack.Id);
    }

    private async Task FinishMoveAsync(PackBuilder into, List<PackId> emptied, Action<long> written, CancellationToken ct)
    {
        if (!into.IsEmpty)
        {
            await WritePackAsync(into, null, ct);
            written(into.Bytes.Length);
            into.Clear();
        }

        foreach (var pack in emptied)
        {
            await RemovePackAsync(pack, ct);
        }

        emptied.Clear();
    }

    /// <summary>
    /// Removes what was stored although it seemed to fail, and what was to be removed when the storage was away: files that nobody knows.
    /// </summary>
    private async Task RemoveStraysAsync(CancellationToken ct)
    {
        await Storage.TidyAsync(ct);
        foreach (var folder in (string[])["index/", "packs/"])
        {
            foreach (var file in await Storage.ListAsync(folder, ct))
            {
                if (PackId.TryParse(file.Name, out var pack) && IsStray(pack))
                {
                    await Storage.DeleteAsync(file.Name, ct);
                }
            }
        }
    }

    private bool IsStray(PackId pack)
    {
        lock (_gate)
        {
            return !_packs.ContainsKey(pack) && !_storing.Contains(pack);
        }
    }

    /// <summary>The index first: a pack without one is read again, an index without a pack is nothing.</summary>
    private async Task RemovePackAsync(PackId pack, CancellationToken ct)
    {
        lock (_gate)
        {
            _packs.Remove(pack);
            _unreadable.Remove(pack);
        }

        await Storage.DeleteAsync(pack.IndexName, ct);
        await Storage.DeleteAsync(pack.PackName, ct);
        _reader.Forget(pack);
    }
}
