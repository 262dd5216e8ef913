using System.Security.Cryptography;
using System.Text.Json;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Vaults;

/// <summary>
/// A vault, opened. One process at a time writes to a vault, through one object of this class; any number may read a copy. All methods may
/// be called at once.
/// </summary>
public sealed partial class Vault : IDisposable
{
    private const string DescriptionName = "vault.json";
    private const int DescriptionBytesMax = 64 * 1024;

    /// <summary>With 1, no pack holds frames of several chunks.</summary>
    private const int Format = 2;
    private const int PointBytesMax = int.MaxValue / 2;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Lock _gate = new();
    private readonly Dictionary<ChunkId, (PackContent Pack, int Ordinal)> _places = [];
    private readonly Dictionary<PackId, PackContent> _packs = [];
    private readonly HashSet<PackId> _unreadable = [];
    private readonly PackReader _reader;
    private Description _description;

    private Vault(IVaultStorage storage, VaultKey key, Description description)
    {
        Storage = storage;
        Key = key;
        _description = description;
        _reader = new PackReader(storage, key);
    }

    /// <summary>The id that the vault was made with.</summary>
    public string Id => _description.Id;

    /// <summary>What its packs take, in bytes.</summary>
    public long StoredBytes
    {
        get
        {
            lock (_gate)
            {
                return _packs.Values.Sum(pack => pack.SizeBytes);
            }
        }
    }

    /// <summary>How many chunks can be found.</summary>
    public int ChunkCount
    {
        get
        {
            lock (_gate)
            {
                return _places.Count;
            }
        }
    }

    internal IVaultStorage Storage { get; }

    internal VaultKey Key { get; }

    /// <summary>Makes a vault where there is none, or opens the one that an interrupted making left there.</summary>
    /// <exception cref="VaultException">Another vault is there.</exception>
    public static async Task<Vault> CreateAsync(IVaultStorage storage, VaultKey key, string id, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(key);
        if (await storage.ReadAsync(DescriptionName, 0, DescriptionBytesMax, ct) is null)
        {
            await DescribeAsync(storage, new(Format, id, ChunkTree.ChunkBytes, Convert.ToHexStringLower(key.Check())), ct);
        }

        return await OpenAsync(storage, key, ct);
    }

    /// <exception cref="VaultException">There is none, or the key is not its.</exception>
    public static async Task<Vault> OpenAsync(IVaultStorage storage, VaultKey key, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(key);
        var bytes = await storage.ReadAsync(DescriptionName, 0, DescriptionBytesMax, ct)
            ?? throw new VaultException(VaultFault.Missing, $"There is no vault here: no {DescriptionName}.");
        Description description;
        byte[] check;
        try
        {
            description = JsonSerializer.Deserialize<Description>(bytes, Json)!;
            check = Convert.FromHexString(description.KeyCheck);
        }
        catch (Exception other) when (other is JsonException or FormatException or ArgumentNullException or NullReferenceException)
        {
            throw new VaultException(VaultFault.Damaged, $"{DescriptionName} is not what was stored.", other);
        }

        if (description.Format is < 1 or > Format || description.ChunkBytes != ChunkTree.ChunkBytes)
        {
            throw new VaultException(VaultFault.Damaged, $"This is a vault of format {description.Format}, which is not known here.");
        }

        if (!CryptographicOperations.FixedTimeEquals(check, key.Check()))
        {
            throw new VaultException(VaultFault.WrongKey, $"The key is not that of vault {description.Id}.");
        }

        var vault = new Vault(storage, key, description);
        await vault.LoadAsync(ct);
        return vault;
    }

    /// <summary>The ids of all recovery points.</summary>
    public async Task<IReadOnlyList<string>> ListPointsAsync(CancellationToken ct) =>
        [.. (await Storage.ListAsync("points/", ct)).Select(file => file.Name["points/".Length..]).Order(StringComparer.Ordinal)];

    /// <exception cref="VaultException">There is no such point, or it is damaged.</exception>
    public Task<PointDocument> ReadPointAsync(string point, CancellationToken ct) => ReadPointAsync(point, null, ct);

    /// <param name="point">Its id.</param>
    /// <param name="digest">Of its file, by who had it stored; null where nobody remembers.</param>
    /// <param name="ct">Ends the wait.</param>
    /// <exception cref="VaultException">There is no such point, it is damaged, or its file is another.</exception>
    public async Task<PointDocument> ReadPointAsync(string point, string? digest, CancellationToken ct)
    {
        var bytes = await Storage.ReadAsync(PointFile.NameOf(point), 0, PointBytesMax, ct)
            ?? throw new VaultException(VaultFault.Missing, $"The vault holds no recovery point {point}.");
        return digest is null || PointFile.DigestOf(bytes) == digest
            ? PointFile.Read(point, bytes, Key)
            : throw new VaultException(VaultFault.Damaged, $"The file of recovery point {point} is not the one that was stored.");
    }

    /// <summary>The digest of a point's file as it is now.</summary>
    /// <exception cref="VaultException">There is no such point.</exception>
    public async Task<string> DigestOfPointAsync(string point, CancellationToken ct) => PointFile.DigestOf(
        await Storage.ReadAsync(PointFile.NameOf(point), 0, PointBytesMax, ct)
            ?? throw new VaultException(VaultFault.Missing, $"The vault holds no recovery point {point}."));

    /// <summary>Removes a point; its chunks go with the next prune. Who calls has seen to it that it is not locked.</summary>
    public Task DeletePointAsync(string point, CancellationToken ct) => Storage.DeleteAsync(PointFile.NameOf(point), ct);

    /// <summary>A stream of a point, to read at any place.</summary>
    public Stream OpenStream(PointStream stream) => new ChunkStream(this, stream);

    public void Dispose()
    {
        _maintenance.Dispose();
        (Storage as IDisposable)?.Dispose();
    }

    /// <exception cref="VaultException">It is gone or not what was stored.</exception>
    internal async Task<byte[]> ReadChunkAsync(ChunkId id, CancellationToken ct)
    {
        for (var tries = 0; ; tries++)
        {
            (PackContent Pack, int Ordinal) place;
            lock (_gate)
            {
                if (!_places.TryGetValue(id, out place))
                {
                    throw new VaultException(VaultFault.Damaged, $"Chunk {id} is gone.");
                }
            }

            if (await _reader.ReadAsync(place.Pack, place.Ordinal, ct) is { } chunk && Key.NameOf(chunk) == id)
            {
                return chunk;
            }

            // A prune may have moved it to another pack in between.
            lock (_gate)
            {
                if (tries > 0 || !_places.TryGetValue(id, out var moved) || moved.Pack.Id == place.Pack.Id)
                {
                    throw new VaultException(VaultFault.Damaged, $"Chunk {id} in pack {place.Pack.Id.Value} is not what was stored.");
                }
            }
        }
    }

    /// <summary>Says what a pack holds.</summary>
    /// <param name="pack">All of it.</param>
    /// <param name="good">The records whose chunks can be found from here on.</param>
    internal void Register(PackContent pack, IEnumerable<PackRecord> good)
    {
        lock (_gate)
        {
            _packs[pack.Id] = pack;
            foreach (var record in good)
            {
                _places[record.Id] = (pack, record.Ordinal);
            }
        }
    }

    private static Task DescribeAsync(IVaultStorage storage, Description description, CancellationToken ct) =>
        storage.PutAsync(DescriptionName, JsonSerializer.SerializeToUtf8Bytes(description, Json), ct);

    private async Task LoadAsync(CancellationToken ct)
    {
        var packs = new Dictionary<PackId, long>();
        foreach (var file in await Storage.ListAsync("packs/", ct))
        {
            if (PackId.TryParse(file.Name, out var id))
            {
                packs[id] = file.SizeBytes;
            }
        }

        foreach (var (pack, sizeBytes) in packs)
        {
            var index = await Storage.ReadAsync(pack.IndexName, 0, PackBuilder.TargetBytes, ct);
            var records = index is null ? null : Pack.ReadIndex(pack, index, Key);
            if (records is null || records.Exists(record => record.Offset + Pack.RecordHeaderBytes + record.StoredBytes > sizeBytes))
            {
                // The writer died before the index, or somebody broke it: the pack itself says what it holds.
                await RebuildIndexAsync(pack, sizeBytes, ct);
            }
            else
            {
                Register(new PackContent(pack, sizeBytes, records), records);
            }
        }
    }

    private async Task RebuildIndexAsync(PackId pack, long sizeBytes, CancellationToken ct)
    {
        var bytes = await Storage.ReadAsync(pack.PackName, 0, PackBuilder.TargetBytes * 2, ct) ?? [];
        var records = Pack.Scan(pack, bytes);
        using var cipher = new AesGcm(Key.ForPack(pack), Pack.TagBytes);
        var good = PackOpener.Open(cipher, records, bytes).FindAll(one => one.Chunk is not null).ConvertAll(one => one.Record);
        if (good.Count == 0)
        {
            _unreadable.Add(pack);
        }
        else if (good.Count == records.Count)
        {
            await Storage.PutAsync(pack.IndexName, Pack.WriteIndex(pack, records, Key), ct);
        }

        Register(new PackContent(pack, sizeBytes, records), good);
    }

    private sealed record Description(int Format, string Id, int ChunkBytes, string KeyCheck);
}
