namespace Cloud.Backup.Vaults;

public sealed partial class Vault
{
    private readonly HashSet<VaultWriter> _writers = [];

    /// <summary>Writers that ended while a prune runs: their points may not be among those it has read.</summary>
    private readonly List<VaultWriter> _ended = [];

    /// <summary>Packs that are being stored: there perhaps, and not registered yet.</summary>
    private readonly HashSet<PackId> _storing = [];

    private bool _pruning;

    /// <summary>Begins to store.</summary>
    public VaultWriter BeginWriting()
    {
        var writer = new VaultWriter(this);
        lock (_gate)
        {
            _writers.Add(writer);
        }

        return writer;
    }

    internal bool TryPin(VaultWriter writer, ChunkId id)
    {
        lock (_gate)
        {
            if (!_places.ContainsKey(id))
            {
                return false;
            }

            writer.Pins.Add(id);
            return true;
        }
    }

    internal bool HasAll(HashSet<ChunkId> ids)
    {
        lock (_gate)
        {
            return ids.All(_places.ContainsKey);
        }
    }

    internal void Release(VaultWriter writer)
    {
        lock (_gate)
        {
            if (_writers.Remove(writer) && _pruning)
            {
                _ended.Add(writer);
            }
        }
    }

    /// <summary>Writes a pack and its index; then its chunks can be found.</summary>
    internal async Task WritePackAsync(PackBuilder pack, VaultWriter? writer, CancellationToken ct)
    {
        var id = pack.Id;
        lock (_gate)
        {
            _storing.Add(id);
        }

        try
        {
            if (_description.Format < Format)
            {
                // Who knows no frames is not to take them for damage.
                _description = _description with { Format = Format };
                await DescribeAsync(Storage, _description, ct);
            }

            await Storage.PutAsync(id.PackName, pack.Bytes, ct);
            await Storage.PutAsync(id.IndexName, Pack.WriteIndex(id, pack.Records, Key), ct);
            lock (_gate)
            {
                writer?.Pins.UnionWith(pack.Records.Select(record => record.Id));
                Register(new PackContent(id, pack.Bytes.Length, [.. pack.Records]), pack.Records);
            }
        }
        finally
        {
            lock (_gate)
            {
                _storing.Remove(id);
            }
        }
    }

    /// <summary>Removes the vault itself: all of its files, the description last, so that what is interrupted can be done again.</summary>
    public async Task DestroyAsync(CancellationToken ct)
    {
        foreach (var folder in (string[])["points/", "index/", "packs/"])
        {
            foreach (var file in await Storage.ListAsync(folder, ct))
            {
                await Storage.DeleteAsync(file.Name, ct);
            }
        }

        await Storage.DeleteAsync(DescriptionName, ct);
    }
}
