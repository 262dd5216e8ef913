using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Vaults;

/// <summary>The parts of packs that were read last: what lies beside a chunk was stored with it and is mostly asked for next.</summary>
internal sealed class PackCache(IVaultStorage storage)
{
    private const int PartsMax = 16;

    private readonly Lock _gate = new();
    private readonly LinkedList<(PackId Pack, int Offset, byte[] Bytes)> _parts = [];

    /// <returns>The record with its header; null where the pack does not have it.</returns>
    public async Task<ReadOnlyMemory<byte>?> ReadAsync(PackId pack, PackRecord record, CancellationToken ct)
    {
        var length = Pack.RecordHeaderBytes + record.StoredBytes;
        if (Find(pack, record.Offset, length) is { } found)
        {
            return found;
        }

        var bytes = await storage.ReadAsync(pack.PackName, record.Offset, Math.Max(length, storage.ReadBytes), ct);
        if (bytes is null || bytes.Length < length)
        {
            return null;
        }

        lock (_gate)
        {
            _parts.AddFirst((pack, record.Offset, bytes));
            if (_parts.Count > PartsMax)
            {
                _parts.RemoveLast();
            }
        }

        return bytes.AsMemory(0, length);
    }

    public void Forget(PackId pack)
    {
        lock (_gate)
        {
            for (var part = _parts.First; part is not null;)
            {
                var next = part.Next;
                if (part.Value.Pack == pack)
                {
                    _parts.Remove(part);
                }

                part = next;
            }
        }
    }

    private ReadOnlyMemory<byte>? Find(PackId pack, int offset, int length)
    {
        lock (_gate)
        {
            for (var part = _parts.First; part is not null; part = part.Next)
            {
                if (part.Value.Pack == pack && part.Value.Offset <= offset
                    && offset + length <= part.Value.Offset + part.Value.Bytes.Length)
                {
                    _parts.Remove(part);
                    _parts.AddFirst(part);
                    return part.Value.Bytes.AsMemory(offset - part.Value.Offset, length);
                }
            }
        }

        return null;
    }
}
