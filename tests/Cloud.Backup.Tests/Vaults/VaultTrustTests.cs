using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Tests.Vaults;

/// <summary>Whoever can write to a vault's place, with its key or without, has nothing restored that was not backed up.</summary>
public sealed class VaultTrustTests : IDisposable
{
    private const int Chunks = 16;
    private const int RecordBytes = Pack.RecordHeaderBytes + Pack.StoredBytesMax;
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TestVault _test = new();
    private readonly Random _random = new(13);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task PointOfAnotherVault_IsRefused_WithAllThatItNames()
    {
        using var forged = new TestVault();
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", Noise());
        await TestVault.SaveAsync(await forged.OpenAsync(), "rp-1", Noise());
        foreach (var file in Directory.GetFiles(forged.Folder, "*", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) != "vault.json"))
        {
            var target = Path.Combine(_test.Folder, Path.GetRelativePath(forged.Folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }

        await RefusedAsync("rp-1");
        (await (await _test.ReopenAsync()).VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1"]);
    }

    [Fact]
    public async Task OldPoint_UnderAnotherId_IsRefused()
    {
        var vault = await _test.OpenAsync();
        await TestVault.SaveAsync(vault, "rp-old", Noise());
        await TestVault.SaveAsync(vault, "rp-new", Noise());
        File.Copy(Path.Combine(_test.Folder, "points", "rp-old"), Path.Combine(_test.Folder, "points", "rp-new"), overwrite: true);
        await RefusedAsync("rp-new");
    }

    [Fact]
    public async Task ChunksOrPacks_ThatChangedPlaces_AreRefused()
    {
        var vault = await _test.OpenAsync();
        await TestVault.SaveAsync(vault, "rp-1", Noise());
        var pack = _test.Packs().Single();
        await TestVault.SaveAsync(vault, "rp-2", Noise());
        var stored = await File.ReadAllBytesAsync(pack);
        var swapped = stored.ToArray();
        stored.AsSpan(Pack.HeaderBytes, RecordBytes).CopyTo(swapped.AsSpan(Pack.HeaderBytes + RecordBytes));
        stored.AsSpan(Pack.HeaderBytes + RecordBytes, RecordBytes).CopyTo(swapped.AsSpan(Pack.HeaderBytes));
        await File.WriteAllBytesAsync(pack, swapped);
        await RefusedAsync("rp-1");
        File.Delete(Path.Combine(_test.Folder, "index", Path.GetFileName(pack)));
        await RefusedAsync("rp-1");

        File.Copy(_test.Packs().Single(other => other != pack), pack, overwrite: true);
        await RefusedAsync("rp-1");
        await File.WriteAllBytesAsync(pack, stored);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).Length.ShouldBe(Chunks * ChunkTree.ChunkBytes);
    }

    [Fact]
    public async Task ChunkThatAKeysHolderPutUnderAnothersName_IsRefused_AndFoundByAVerify()
    {
        var volume = Noise();
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        using var forged = new PackBuilder(_test.Key);
        forged.Add(_test.Key.NameOf(volume.AsSpan(0, ChunkTree.ChunkBytes)), Noise().AsSpan(0, ChunkTree.ChunkBytes));
        var old = _test.Packs().Single();
        foreach (var chunk in volume.Chunk(ChunkTree.ChunkBytes).Skip(1))
        {
            forged.Add(_test.Key.NameOf(chunk), chunk);
        }

        var ids = volume.Chunk(ChunkTree.ChunkBytes).Select(chunk => _test.Key.NameOf(chunk)).ToArray();
        var node = ChunkTree.WriteNode(ids);
        forged.Add(_test.Key.NameOf(node), node);
        var storage = new FolderStorage(_test.Folder);
        await storage.PutAsync(forged.Id.PackName, forged.Bytes, None);
        await storage.PutAsync(forged.Id.IndexName, Pack.WriteIndex(forged.Id, forged.Records, _test.Key), None);
        File.Delete(old);
        File.Delete(Path.Combine(_test.Folder, "index", Path.GetFileName(old)));
        await RefusedAsync("rp-1");
        (await (await _test.ReopenAsync()).VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1"]);
    }

    [Fact]
    public async Task PointThatAKeysHolderWrote_IsRefused_WhereItsDigestIsKnown()
    {
        var vault = await _test.OpenAsync();
        await TestVault.SaveAsync(vault, "rp-1", Noise());
        var digest = await vault.DigestOfPointAsync("rp-1", None);
        (await vault.ReadPointAsync("rp-1", digest, None)).Id.ShouldBe("rp-1");
        await TestVault.SaveAsync(vault, "rp-1", Noise());
        (await Should.ThrowAsync<VaultException>(vault.ReadPointAsync("rp-1", digest, None))).Fault.ShouldBe(VaultFault.Damaged);
        var report = await vault.VerifyAsync(new Dictionary<string, string> { ["rp-1"] = digest }, None);
        report.DamagedPoints.Keys.ShouldBe(["rp-1"]);
    }

    private async Task RefusedAsync(string point) => (await Should.ThrowAsync<VaultException>(
        async () => await TestVault.RestoreAsync(await _test.ReopenAsync(), point))).Fault.ShouldBe(VaultFault.Damaged);

    /// <summary>It does not compress: all of its records have one length.</summary>
    private byte[] Noise()
    {
        var bytes = new byte[Chunks * ChunkTree.ChunkBytes];
        _random.NextBytes(bytes);
        return bytes;
    }
}
