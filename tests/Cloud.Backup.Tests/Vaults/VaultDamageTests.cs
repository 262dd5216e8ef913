using Cloud.Backup.Vaults;

namespace Cloud.Backup.Tests.Vaults;

public sealed class VaultDamageTests : IDisposable
{
    private const int Size = 2 * 1024 * 1024;
    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TestVault _test = new();
    private readonly Random _random = new(11);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task FlippedBit_Anywhere_IsFound_NeverRestored_AndHealedByTheNextBackup()
    {
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        var pack = _test.Packs().Single();
        var stored = await File.ReadAllBytesAsync(pack);
        for (var round = 0; round < 20; round++)
        {
            var broken = stored.ToArray();
            var at = _random.Next(24, broken.Length);
            broken[at] ^= (byte)(1 << _random.Next(8));
            foreach (var other in _test.Packs())
            {
                File.Delete(other);
            }

            Directory.GetFiles(Path.Combine(_test.Folder, "index")).Where(index => Path.GetFileName(index) != Path.GetFileName(pack))
                .ToList().ForEach(File.Delete);
            await File.WriteAllBytesAsync(pack, broken);
            var vault = await _test.ReopenAsync();
            if (await RestoredAsync(vault, "rp-1") is { } restored)
            {
                restored.ShouldBe(volume, $"the bit of byte {at} was not needed, or the restore lies");
            }

            var report = await vault.VerifyAsync(None);
            report.Lost.ShouldHaveSingleItem().ShouldContain(Path.GetFileName(pack));
            report.DamagedPoints.Keys.ShouldBe(["rp-1"]);
            await TestVault.SaveAsync(vault, "rp-2", volume, first, []);
            (await vault.VerifyAsync(None)).DamagedPoints.ShouldBeEmpty();
            (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
            pack = _test.Packs()[0];
            if (_test.Packs().Length != 1)
            {
                break;
            }

            stored = await File.ReadAllBytesAsync(pack);
        }
    }

    [Fact]
    public async Task MissingPack_MarksEveryPointThatNeedsIt()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        var pack = _test.Packs().Single();
        await TestVault.SaveAsync(vault, "rp-2", TestVault.Bytes(_random, Size));
        await TestVault.SaveAsync(vault, "rp-3", volume, first, []);
        File.Delete(pack);
        (await Should.ThrowAsync<VaultException>(TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")))
            .Fault.ShouldBe(VaultFault.Damaged);
        (await vault.VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1", "rp-3"], ignoreOrder: true);
    }

    [Fact]
    public async Task CutOrMissingIndex_IsMadeAgainOfThePack()
    {
        var volume = TestVault.Bytes(_random, Size);
        await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        var index = Directory.GetFiles(Path.Combine(_test.Folder, "index")).Single();
        var bytes = await File.ReadAllBytesAsync(index);
        await File.WriteAllBytesAsync(index, bytes[..^50]);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
        (await File.ReadAllBytesAsync(index)).ShouldBe(bytes);
        File.Delete(index);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
    }

    [Fact]
    public async Task CutPack_LosesOnlyWhatWasCut()
    {
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(await _test.OpenAsync(), "rp-1", volume);
        var pack = _test.Packs().Single();
        var bytes = await File.ReadAllBytesAsync(pack);
        await File.WriteAllBytesAsync(pack, bytes[..(bytes.Length / 2)]);
        var vault = await _test.ReopenAsync();
        (await vault.VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1"]);
        vault.ChunkCount.ShouldBeInRange(10, 25);
        await TestVault.SaveAsync(vault, "rp-2", volume, first, []);
        (await TestVault.RestoreAsync(await _test.ReopenAsync(), "rp-1")).ShouldBe(volume);
    }

    [Fact]
    public async Task DamagedPointFile_IsNamed_AndStopsAPrune()
    {
        var vault = await _test.OpenAsync();
        await TestVault.SaveAsync(vault, "rp-1", TestVault.Bytes(_random, Size));
        await TestVault.SaveAsync(vault, "rp-2", TestVault.Bytes(_random, Size));
        var file = Path.Combine(_test.Folder, "points", "rp-1");
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[^20] ^= 1;
        await File.WriteAllBytesAsync(file, bytes);
        (await vault.VerifyAsync(None)).DamagedPoints.Keys.ShouldBe(["rp-1"]);
        await Should.ThrowAsync<VaultException>(vault.PruneAsync(None));
        _test.Packs().Length.ShouldBe(2);
        File.Copy(Path.Combine(_test.Folder, "points", "rp-2"), file, overwrite: true);
        (await Should.ThrowAsync<VaultException>(vault.ReadPointAsync("rp-1", None))).Fault.ShouldBe(VaultFault.Damaged);
    }

    [Fact]
    public async Task VerifyWhileABackupRuns_LetsNoPointNameWhatItFoundLost()
    {
        var vault = await _test.OpenAsync();
        var volume = TestVault.Bytes(_random, Size);
        var first = await TestVault.SaveAsync(vault, "rp-1", volume);
        using var writer = vault.BeginWriting();
        var stream = await writer.PutStreamAsync(
            vault, "volume", Size, [], first.Streams[0], (_, _, _) => throw new InvalidOperationException("Nothing is to be read."),
            _ => { }, None);
        File.Delete(_test.Packs().Single());
        await vault.VerifyAsync(None);
        await Should.ThrowAsync<VaultException>(writer.SavePointAsync(first with { Id = "rp-2", Streams = [stream] }, None));
        (await vault.ListPointsAsync(None)).ShouldBe(["rp-1"]);
    }

    private static async Task<byte[]?> RestoredAsync(Vault vault, string point)
    {
        try
        {
            return await TestVault.RestoreAsync(vault, point);
        }
        catch (VaultException damaged) when (damaged.Fault == VaultFault.Damaged)
        {
            return null;
        }
    }
}
