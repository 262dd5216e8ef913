using System.Text;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>Volumes whose files are encrypted, at rest and in use. No guest runs.</summary>
public sealed class EncryptedVolumeTests : IAsyncLifetime
{
    private const int SizeBytes = 4 << 20;
    private const string Words = "what nobody is to find on the disk";

    private readonly VolumeStoreUnderTest _host = new();

    private IVolumeStore Store => _host.Store;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _host.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Content_OfAVolumeItsSnapshotsAndCopies_IsReadBack_AndLiesNowhereInPlain()
    {
        await CreateAsync("vol-plain", encrypted: false);
        await WriteAsync("vol-plain", 0);
        OnDisk(Words).ShouldBeTrue();
        await Store.DeleteVolumeAsync("vol-plain", Ct);

        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 0);
        await SnapshotAsync("snap-1");
        await WriteAsync("vol-a", 1 << 16);
        await SnapshotAsync("snap-2");
        await Store.CreateVolumeAsync(new VolumeSpec { Id = "vol-b", SizeBytes = SizeBytes, Format = "qcow2", Snapshot = "snap-2" }, Ct);
        await WriteAsync("vol-b", 2 << 16);
        await Store.ResizeVolumeAsync("vol-b", 2 * SizeBytes, Ct);
        OnDisk(Words).ShouldBeFalse();
        await ExpectAsync("vol-a", 1 << 16);
        await ExpectAsync("vol-b", 0);
        await ExpectAsync("vol-b", 2 << 16);

        await Store.RestoreVolumeAsync("vol-a", "snap-1", Ct);
        await Store.DeleteSnapshotAsync("snap-1", Ct);
        await SnapshotAsync("snap-3");
        while (await _host.Merger.MergeNextAsync(Ct))
        {
        }

        await _host.RestartAsync();
        await ExpectAsync("vol-a", 0);
        await ExpectAsync("vol-b", 1 << 16);
        OnDisk(Words).ShouldBeFalse();
        (await Store.ListExtentsAsync("snap-2", null, 0, 10, Ct)).Extents.ShouldBe([new VolumeExtent(0, 2 << 16)]);
    }

    [Fact]
    public async Task MasterKey_RotatedOrGivenByTheOperator_OpensWhatWasEncryptedBefore_AndTheOldOneDoesNot()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 0);
        var first = await File.ReadAllTextAsync(_host.KeyFile, Ct);
        File.GetUnixFileMode(_host.KeyFile).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        await Store.RotateMasterKeyAsync(Ct);
        var second = await File.ReadAllTextAsync(_host.KeyFile, Ct);
        second.ShouldNotContain(first.Trim());
        await ExpectAsync("vol-a", 0);

        // As a crash between the new key and the keys that it is to wrap leaves it, or an operator who has one of their own.
        var given = new string('5', 64);
        await File.WriteAllTextAsync(_host.KeyFile, $"{given}\n{second}", Ct);
        await _host.RestartAsync();
        (await File.ReadAllTextAsync(_host.KeyFile, Ct)).Trim().ShouldBe(given);
        await ExpectAsync("vol-a", 0);

        await File.WriteAllTextAsync(_host.KeyFile, first, Ct);
        await _host.RestartAsync();
        (await Should.ThrowAsync<CloudException>(() => ExpectAsync("vol-a", 0))).Code.ShouldBe(HostErrors.MasterKeyMissing);
    }

    [Fact]
    public async Task MasterKey_Exported_OpensTheVolumesAgain_WhereItsFileWasLost()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 0);
        var exported = (await Store.ReadMasterKeyAsync(Ct)).Key;
        File.Delete(_host.KeyFile);
        await _host.RestartAsync();
        (await Should.ThrowAsync<CloudException>(() => ExpectAsync("vol-a", 0))).Code.ShouldBe(HostErrors.MasterKeyMissing);
        await CreateAsync("vol-b");
        await WriteAsync("vol-b", 0);

        await File.AppendAllTextAsync(_host.KeyFile, $"\n{exported}\n", Ct);
        await _host.RestartAsync();

        await ExpectAsync("vol-a", 0);
        await ExpectAsync("vol-b", 0);
        (await Store.ReadMasterKeyAsync(Ct)).Key.ShouldNotBe(exported);
    }

    [Fact]
    public async Task RawVolume_IsNotEncrypted_AndSaysSo()
    {
        var raw = () => Store.CreateVolumeAsync(
            new VolumeSpec { Id = "vol-r", SizeBytes = SizeBytes, Format = "raw", Encrypted = true }, Ct);
        (await Should.ThrowAsync<CloudException>(raw)).Errors!.Keys.ShouldBe(["format"]);
    }

    private Task<StoredVolume> CreateAsync(string id, bool encrypted = true) =>
        Store.CreateVolumeAsync(new VolumeSpec { Id = id, SizeBytes = SizeBytes, Format = "qcow2", Encrypted = encrypted }, Ct);

    private Task<IReadOnlyList<StoredSnapshot>> SnapshotAsync(string snapshot) =>
        Store.SnapshotVolumesAsync(new Dictionary<string, string> { ["vol-a"] = snapshot }, Ct);

    private Task WriteAsync(string volume, long offset) =>
        Store.WriteContentAsync(volume, offset, new MemoryStream(Encoding.UTF8.GetBytes(Words)), Ct);

    private async Task ExpectAsync(string source, long offset)
    {
        await using var content = await Store.ReadContentAsync(source, offset, Words.Length, Ct);
        using var reader = new StreamReader(content);
        (await reader.ReadToEndAsync(Ct)).ShouldBe(Words);
    }

    private bool OnDisk(string words) => Directory.EnumerateFiles(_host.Files)
        .Any(file => File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(words)) >= 0);
}
