using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Tests.Vaults;

public sealed class VaultTests : IDisposable
{
    private const int Size = (3 * 1024 * 1024) + 12345;
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TestVault _test = new();
    private readonly Random _random = new(7);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Point_Restores_AfterTheProcess_IsAnother()
    {
        var volume = TestVault.Bytes(_random, Size);
        volume.AsSpan(500_000, 1_000_000).Clear();
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
    }

    [Fact]
    public async Task SecondPoint_OfTheSame_StoresOnlyItself()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        var packs = _test.PackBytes();
        using var writer = vault.BeginWriting();
        await TestVault.SaveAsync(vault, writer, "rp-2", volume, first, []);
        writer.NewChunks.ShouldBe(0);
        writer.StoredBytes.ShouldBeLessThan(1000);
        _test.PackBytes().ShouldBe(packs);
    }

    [Fact]
    public async Task Increment_ReadsAndStores_WhatChanged_AndEachPointRestoresItself()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var before = volume.ToArray();
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        TestVault.Bytes(_random, 3000).CopyTo(volume, 1_000_000);
        using var writer = vault.BeginWriting();
        var reads = new List<(long Offset, long Length)>();
        var stream = await writer.PutStreamAsync(
            vault, "volume", Size, [new ByteRun(1_000_000, 3000)], first.Streams[0], (offset, length, _) =>
            {
                reads.Add((offset, length));
                return Task.FromResult<Stream>(new MemoryStream(volume, (int)offset, (int)length));
            }, _ => { }, None);
        await writer.SavePointAsync(first with { Id = "rp-2", Streams = [stream] }, None);
        reads.ShouldBe([(15 * 65536, 65536)]);
        writer.NewChunks.ShouldBe(2, "the chunk and the node that names it");
        await vault.DeletePointAsync("rp-1", None);
        await vault.PruneAsync(None);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-2")).ShouldBe(volume);
        volume.ShouldNotBe(before);
    }

    [Fact]
    public async Task GrownVolume_KeepsWhatItHad()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        var grown = new byte[Size * 30];
        volume.CopyTo(grown, 0);
        TestVault.Bytes(_random, 100_000).CopyTo(grown, Size * 29);
        await TestVault.SaveAsync(vault, "rp-2", grown, first, [new ByteRun(Size * 29, 100_000)]);
        (await TestVault.RestoreAsync(vault, "rp-2")).AsSpan().SequenceEqual(grown).ShouldBeTrue();
    }

    [Fact]
    public async Task WrongKey_IsRefused()
    {
        await _test.OpenAsync();
        var refused = await Should.ThrowAsync<VaultException>(
            Vault.OpenAsync(new FolderStorage(_test.Folder), VaultKey.Create(), None));
        refused.Fault.ShouldBe(VaultFault.WrongKey);
    }

    [Fact]
    public async Task ExportedKey_OpensACopyOfTheFolder()
    {
        var volume = TestVault.Bytes(_random, Size);
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        var opened = await Vault.OpenAsync(new FolderStorage(_test.Folder), VaultKey.Import(_test.Key.Export()), None);
        (await TestVault.RestoreAsync(opened, "rp-1")).ShouldBe(volume);
        Should.Throw<VaultException>(() => VaultKey.Import("cloud-vault-key-1:12")).Fault.ShouldBe(VaultFault.WrongKey);
    }

    [Fact]
    public async Task Vault_HoldsNothingReadable()
    {
        var volume = new byte[Size];
        "a secret that everybody would find"u8.CopyTo(volume.AsSpan(1000));
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        foreach (var file in Directory.GetFiles(_test.Folder, "*", SearchOption.AllDirectories))
        {
            var bytes = await File.ReadAllBytesAsync(file);
            bytes.AsSpan().IndexOf("a secret"u8).ShouldBe(-1, file);
            bytes.AsSpan().IndexOf("vol-test"u8).ShouldBe(-1, file);
        }
    }

    [Fact]
    public async Task Prune_FreesWhatNoPointNames_AndKeepsTheRest()
    {
        var vault = await _test.OpenAsync();
        var kept = TestVault.Bytes(_random, Size);
        await TestVault.SaveAsync(vault, "rp-1", TestVault.Bytes(_random, Size));
        await TestVault.SaveAsync(vault, "rp-2", kept);
        var both = _test.PackBytes();
        await vault.DeletePointAsync("rp-1", None);
        var report = await vault.PruneAsync(None);
        report.FreedBytes.ShouldBe(both - _test.PackBytes());
        _test.PackBytes().ShouldBeLessThan((both / 2) + 100_000);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-2")).ShouldBe(kept);
        await vault.DeletePointAsync("rp-2", None);
        await vault.PruneAsync(None);
        _test.PackBytes().ShouldBe(0);
    }

    [Fact]
    public async Task Prune_WhileABackupRuns_TakesNothingThatItHasFound()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        await TestVault.SaveAsync(vault, "rp-1", volume);
        using (var writer = vault.BeginWriting())
        {
            // It finds all of it, and its point is not there yet.
            var stream = await writer.PutStreamAsync(
                vault, "volume", Size, [new ByteRun(0, Size)], null,
                (offset, length, _) => Task.FromResult<Stream>(new MemoryStream(volume, (int)offset, (int)length)), _ => { }, None);
            writer.NewChunks.ShouldBe(0);
            await vault.DeletePointAsync("rp-1", None);
            await vault.PruneAsync(None);
            await writer.SavePointAsync(
                new PointDocument { Id = "rp-2", Kind = "volume", Resource = "vol-test", TakenAt = default, Streams = [stream] }, None);
        }

        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-2")).ShouldBe(volume);
    }

    [Fact]
    public async Task Prune_PutsSmallPacksTogether()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var point = await TestVault.SaveAsync(vault, "rp-000", volume);
        for (var at = 1; at <= 80; at++)
        {
            volume[at * 70_000 % Size]++;
            point = await TestVault.SaveAsync(vault, $"rp-{at:000}", volume, point, [new ByteRun(at * 70_000 % Size, 1)]);
        }

        _test.Packs().Length.ShouldBe(81);
        await vault.PruneAsync(None);
        _test.Packs().Length.ShouldBeLessThan(5);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-080")).ShouldBe(volume);
    }

    [Fact]
    public async Task Copy_IntoASecondVault_HasEqualHashes()
    {
        using var second = new TestVault();
        var vault = await _test.OpenAsync();
        var target = await second.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        volume.AsSpan(100_000, 2_000_000).Clear();
        var point = await TestVault.SaveAsync(vault, "rp-1", volume);
        using var writer = target.BeginWriting();
        var (digest, hashes) = await vault.CopyPointAsync("rp-1", null, target, writer, "rp-copy", null, _ => { }, None);
        writer.StoredBytes.ShouldBeGreaterThan(Size / 10);
        var copy = await target.ReadPointAsync("rp-copy", digest, None);
        hashes["volume"].ShouldBe(await target.HashAsync(copy.Streams[0], None));
        hashes["volume"].ShouldBe(await vault.HashAsync(point.Streams[0], None));
        (await TestVault.RestoreAsync(target, "rp-copy")).ShouldBe(volume);
        copy.Streams[0].Nodes.ShouldNotBe(point.Streams[0].Nodes, "each vault names chunks by its own key");
    }
}
