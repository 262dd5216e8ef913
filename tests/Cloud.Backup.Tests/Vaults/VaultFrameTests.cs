using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Tests.Vaults;

/// <summary>Chunks of a pack that compress go on with the frame of those before them.</summary>
public sealed class VaultFrameTests : IDisposable
{
    private const int ChunkBytes = ChunkTree.ChunkBytes;
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TestVault _test = new();
    private readonly Random _random = new(5);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Chunks_OfMuchTheSame_TakeTheSpaceOfOne()
    {
        var text = TestVault.Bytes(_random, ChunkBytes);
        var volume = Enumerable.Range(0, 8).SelectMany(at => text[at..].Concat(text[..at])).ToArray();
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        _test.PackBytes().ShouldBeLessThan(ChunkBytes);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
    }

    [Fact]
    public async Task FlippedBit_LosesOfItsFrame_OnlyWhatFollowsIt_AndTheNextBackupHealsIt()
    {
        const int Chunks = Pack.FrameChunksMax * 3;
        const int Broken = Pack.FrameChunksMax + 5;
        var volume = TestVault.Bytes(_random, Chunks * ChunkBytes);
        var first = await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        var file = _test.Packs().Single();
        var bytes = await File.ReadAllBytesAsync(file);
        PackId.TryParse(file, out var pack).ShouldBeTrue();
        var records = Pack.Scan(pack, bytes);
        records.Take(Chunks).Count(record => record.Method == ChunkMethod.FrameBegin).ShouldBe(3);
        bytes[records[Broken].Offset + Pack.RecordHeaderBytes + _random.Next(records[Broken].StoredBytes)] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        var vault = await _test.ReopenAsync();
        await Should.ThrowAsync<VaultException>(TestVault.RestoreAsync(vault, "rp-1"));
        (await vault.VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1"]);
        vault.ChunkCount.ShouldBe(Chunks + 1 - (Pack.FrameChunksMax - 5), "the node with all that is good");
        using var writer = vault.BeginWriting();
        await TestVault.SaveAsync(vault, writer, "rp-2", volume, first, []);
        writer.NewChunks.ShouldBe(Pack.FrameChunksMax - 5);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
    }

    /// <summary>A quarter of a volume changes, a part of each pack: some frames move whole, some in part, over several new packs.</summary>
    [Fact]
    public async Task Prune_OfPartsOfFrames_KeepsTheRest()
    {
        const int Chunks = 600;
        var vault = await _test.OpenAsync();
        var volume = Mixed(Chunks);
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        var runs = Enumerable.Range(0, Chunks / 60).Select(at => new ByteRun(at * 60 * ChunkBytes, 15 * ChunkBytes)).ToList();
        runs.ForEach(run => Mixed(15).CopyTo(volume, (int)run.Offset));
        await TestVault.SaveAsync(vault, "rp-2", volume, first, runs);
        await vault.DeletePointAsync("rp-1", None);
        (await vault.PruneAsync(None)).PacksRewritten.ShouldBeGreaterThan(2);
        (await vault.VerifyAsync(None)).Lost.ShouldBeEmpty();
        (await TestVault.RestoreAsync(vault, "rp-2")).AsSpan().SequenceEqual(volume).ShouldBeTrue();
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-2")).AsSpan().SequenceEqual(volume).ShouldBeTrue();
        (await vault.PruneAsync(None)).ShouldBe(new PruneReport(0, 0, 0, 0));
    }

    [Fact]
    public async Task VaultOfTheFirstFormat_IsReadVerifiedAndPruned_AndSaysWhenItHoldsMore()
    {
        var volume = TestVault.Bytes(_random, 8 * ChunkBytes);
        var first = await StoreAsTheFirstFormatDidAsync(volume);
        var vault = await _test.ReopenAsync();
        (await TestVault.RestoreAsync(vault, "rp-1")).ShouldBe(volume);
        (await vault.VerifyAsync(None)).Lost.ShouldBeEmpty();
        (await File.ReadAllTextAsync(Path.Combine(_test.Folder, "vault.json"))).ShouldContain("\"format\": 1,");
        TestVault.Bytes(_random, 4 * ChunkBytes).CopyTo(volume, 0);
        await TestVault.SaveAsync(vault, "rp-2", volume, first, [new ByteRun(0, 4 * ChunkBytes)]);
        (await File.ReadAllTextAsync(Path.Combine(_test.Folder, "vault.json"))).ShouldContain("\"format\": 2,");
        await vault.DeletePointAsync("rp-1", None);
        (await vault.PruneAsync(None)).PacksRewritten.ShouldBe(1);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-2")).ShouldBe(volume);
    }

    /// <summary>Each chunk a zstd frame of its own.</summary>
    private async Task<PointDocument> StoreAsTheFirstFormatDidAsync(byte[] volume)
    {
        var vault = await _test.OpenAsync();
        var description = Path.Combine(_test.Folder, "vault.json");
        var text = await File.ReadAllTextAsync(description);
        var point = await TestVault.SaveAsync(vault, "rp-1", volume);
        using var pack = new PackBuilder(_test.Key);
        using var zstd = new ZstdCompressor(1);
        var room = new byte[ZstdCompressor.BoundOf(ChunkBytes)];
        var chunks = volume.Chunk(ChunkBytes).ToList();
        chunks.Add(ChunkTree.WriteNode([.. chunks.Select(chunk => _test.Key.NameOf(chunk))]));
        chunks.ForEach(chunk => pack.AddPacked(
            _test.Key.NameOf(chunk), room.AsSpan(0, zstd.Compress(chunk, room)), chunk.Length, ChunkMethod.Zstd));
        var storage = new FolderStorage(_test.Folder);
        foreach (var file in (await storage.ListAsync("packs/", None)).Concat(await storage.ListAsync("index/", None)))
        {
            await storage.DeleteAsync(file.Name, None);
        }

        await storage.PutAsync(pack.Id.PackName, pack.Bytes, None);
        await File.WriteAllTextAsync(description, text.Replace("\"format\": 2,", "\"format\": 1,", StringComparison.Ordinal));
        return point;
    }

    private byte[] Mixed(int chunks)
    {
        var bytes = new byte[chunks * ChunkBytes];
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            var part = bytes.AsSpan(chunk * ChunkBytes, ChunkBytes);
            if (_random.Next(2) == 0)
            {
                _random.NextBytes(part);
            }
            else
            {
                TestVault.Bytes(_random, ChunkBytes).CopyTo(part);
            }
        }

        return bytes;
    }
}
