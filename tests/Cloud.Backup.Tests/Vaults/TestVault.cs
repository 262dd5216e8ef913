using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Tests.Vaults;

/// <summary>A vault in a folder of its own, and volumes to store in it.</summary>
internal sealed class TestVault : IDisposable
{
    public TestVault()
    {
        Folder = Directory.CreateTempSubdirectory("cloud-vault-").FullName;
        Storage = new FailingStorage(new FolderStorage(Folder));
    }

    public string Folder { get; }

    public FailingStorage Storage { get; }

    public VaultKey Key { get; } = VaultKey.Create();

    public Task<Vault> OpenAsync() => Vault.CreateAsync(Storage, Key, "vault-test", CancellationToken.None);

    /// <summary>Opens as a process does that comes after one that died.</summary>
    public Task<Vault> ReopenAsync() => Vault.OpenAsync(new FolderStorage(Folder), Key, CancellationToken.None);

    public string[] Packs() => Directory.Exists(Path.Combine(Folder, "packs"))
        ? Directory.GetFiles(Path.Combine(Folder, "packs"), "*", SearchOption.AllDirectories)
        : [];

    public long PackBytes() => Packs().Sum(pack => new FileInfo(pack).Length);

    /// <summary>Half of it compresses.</summary>
    public static byte[] Bytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        for (var at = 0; at < length; at += 2)
        {
            bytes[at] = 0x20;
        }

        return bytes;
    }

    public static async Task<PointDocument> SaveAsync(
        Vault vault, string id, byte[] volume, PointDocument? earlier = null, IReadOnlyList<ByteRun>? runs = null)
    {
        using var writer = vault.BeginWriting();
        return await SaveAsync(vault, writer, id, volume, earlier, runs);
    }

    public static async Task<PointDocument> SaveAsync(
        Vault vault, VaultWriter writer, string id, byte[] volume, PointDocument? earlier = null, IReadOnlyList<ByteRun>? runs = null)
    {
        var stream = await writer.PutStreamAsync(
            vault, "volume", volume.Length, runs ?? [new ByteRun(0, volume.Length)], earlier?.Streams[0],
            (offset, length, _) => Task.FromResult<Stream>(new MemoryStream(volume, (int)offset, (int)length)), _ => { },
            CancellationToken.None);
        var point = new PointDocument
        {
            Id = id,
            Kind = "volume",
            Resource = "vol-test",
            TakenAt = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
            Streams = [stream],
        };
        await writer.SavePointAsync(point, CancellationToken.None);
        return point;
    }

    public static async Task<byte[]> RestoreAsync(Vault vault, string id)
    {
        var point = await vault.ReadPointAsync(id, CancellationToken.None);
        await using var stream = vault.OpenStream(point.Streams[0]);
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
