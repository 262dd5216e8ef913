namespace Cloud.Backup.Vaults;

/// <summary>
/// What one backup stores. Until it is disposed of, no prune takes a chunk that it has stored or found; so a recovery point never names
/// what is gone. Not for several threads.
/// </summary>
public sealed class VaultWriter : IDisposable
{
    private readonly Vault _vault;
    private readonly PackBuilder _pack;
    private readonly HashSet<ChunkId> _pending = [];

    internal VaultWriter(Vault vault)
    {
        _vault = vault;
        _pack = new PackBuilder(vault.Key);
    }

    /// <summary>What was stored by this writer, in bytes: packs and points.</summary>
    public long StoredBytes { get; private set; }

    /// <summary>How many chunks were new.</summary>
    public long NewChunks { get; private set; }

    /// <summary>What it has found and stored; the vault's gate guards it.</summary>
    internal HashSet<ChunkId> Pins { get; } = [];

    /// <summary>Stores a chunk unless the vault has it.</summary>
    public ValueTask<ChunkId> PutAsync(ReadOnlyMemory<byte> chunk, CancellationToken ct) => PutAsync(chunk, isNode: false, ct);

    /// <summary>Stores a node unless the vault has it.</summary>
    internal ValueTask<ChunkId> PutNodeAsync(ReadOnlyMemory<byte> node, CancellationToken ct) => PutAsync(node, isNode: true, ct);

    private async ValueTask<ChunkId> PutAsync(ReadOnlyMemory<byte> chunk, bool isNode, CancellationToken ct)
    {
        if (chunk.Span.IndexOfAnyExcept((byte)0) < 0)
        {
            return ChunkId.Hole;
        }

        var id = _vault.Key.NameOf(chunk.Span);
        if (!_vault.TryPin(this, id) && _pending.Add(id))
        {
            NewChunks++;
            if (isNode)
            {
                _pack.AddAlone(id, chunk.Span);
            }
            else
            {
                _pack.Add(id, chunk.Span);
            }

            if (_pack.IsFull)
            {
                await FlushAsync(ct);
            }
        }

        return id;
    }

    /// <summary>Keeps a chunk that an earlier point names.</summary>
    /// <returns>False where the vault does not have it any more.</returns>
    public bool TryKeep(ChunkId id) => id.IsHole || _vault.TryPin(this, id);

    /// <summary>Writes what is not written yet; after it everything is durable.</summary>
    public async Task FlushAsync(CancellationToken ct)
    {
        if (_pack.IsEmpty)
        {
            return;
        }

        await _vault.WritePackAsync(_pack, this, ct);
        StoredBytes += _pack.Bytes.Length;
        _pending.Clear();
        _pack.Clear();
    }

    /// <summary>Stores a recovery point, after all that it names.</summary>
    /// <returns>The digest of its file.</returns>
    /// <exception cref="VaultException">In the meantime a verify has found damaged what this writer had found there.</exception>
    public async Task<string> SavePointAsync(PointDocument point, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(point);
        await FlushAsync(ct);
        if (!_vault.HasAll(Pins))
        {
            throw new VaultException(VaultFault.Damaged, "The vault lost a chunk while the backup ran; the next try stores it again.");
        }

        var bytes = PointFile.Write(point, _vault.Key);
        await _vault.Storage.PutAsync(PointFile.NameOf(point.Id), bytes, ct);
        StoredBytes += bytes.Length;
        return PointFile.DigestOf(bytes);
    }

    public void Dispose()
    {
        _vault.Release(this);
        _pack.Dispose();
    }
}
