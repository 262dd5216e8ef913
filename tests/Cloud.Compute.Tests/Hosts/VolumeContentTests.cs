using System.Security.Cryptography;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>The bytes of volumes and snapshots, through the whole chain of their files. No guest runs.</summary>
public sealed class VolumeContentTests : IAsyncLifetime
{
    private const int Block = 1 << 16;
    private const int SizeBytes = 64 * Block;

    private readonly VolumeStoreUnderTest _host = new();

    private IVolumeStore Store => _host.Store;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _host.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public async Task Content_IsReadAsItWasWritten_FromAnyByteOn_AlsoThroughSnapshots(string format)
    {
        var expected = new byte[SizeBytes];
        await CreateAsync("vol-a", format);
        await WriteAsync(expected, 0, 3 * Block);
        await SnapshotAsync("snap-1");
        var first = (byte[])expected.Clone();
        await WriteAsync(expected, 1000, 70_001);
        await WriteAsync(expected, SizeBytes - 77, 77);
        await SnapshotAsync("snap-2");

        (await ReadAsync("vol-a", 0, SizeBytes)).ShouldBe(expected);
        (await ReadAsync("snap-2", 999, 5000)).ShouldBe(expected[999..5999]);
        (await ReadAsync("snap-1", 0, SizeBytes)).ShouldBe(first);
        (await ReadAsync("snap-1", SizeBytes, 0)).ShouldBeEmpty();
        await Should.ThrowAsync<CloudException>(() => Store.ReadContentAsync("vol-a", 1, SizeBytes, Ct));
        (await Should.ThrowAsync<CloudException>(() => Store.ReadContentAsync("snap-9", 0, 1, Ct))).Kind.ShouldBe(ErrorKind.NotFound);
    }

    [Fact]
    public async Task Write_OfZeros_TakesNoSpace_AndBeyondTheEnd_IsRefused()
    {
        await CreateAsync("vol-a");
        await Store.WriteContentAsync("vol-a", 0, new MemoryStream(new byte[SizeBytes]), Ct);
        (await Store.FindVolumeAsync("vol-a", Ct))!.StoredBytes.ShouldBeLessThan(SizeBytes / 2);
        var beyond = () => Store.WriteContentAsync("vol-a", SizeBytes - 1, new MemoryStream(new byte[2]), Ct);
        (await Should.ThrowAsync<CloudException>(beyond)).Kind.ShouldBe(ErrorKind.Invalid);
    }

    [Fact]
    public async Task Write_WaitsForAReaderThatIsAboutToEnd()
    {
        await CreateAsync("vol-a");
        var reading = await Store.ReadContentAsync("vol-a", 0, SizeBytes, Ct);
        var writing = Store.WriteContentAsync("vol-a", 0, new MemoryStream(new byte[Block]), Ct);
        await Task.Delay(TimeSpan.FromMilliseconds(300), Ct);
        writing.IsCompleted.ShouldBeFalse();
        await reading.DisposeAsync();
        await writing;
    }

    [Fact]
    public async Task ReadVolume_StandsStill_WhileItIsRead()
    {
        var expected = new byte[SizeBytes];
        await CreateAsync("vol-a");
        await WriteAsync(expected, 0, Block);
        await using (var reading = await Store.ReadContentAsync("vol-a", 0, SizeBytes, Ct))
        {
            var write = () => Store.WriteContentAsync("vol-a", 0, new MemoryStream(new byte[Block]), Ct);
            (await Should.ThrowAsync<CloudException>(write)).Code.ShouldBe("volume-busy");
            using var all = new MemoryStream();
            await reading.CopyToAsync(all, Ct);
            all.ToArray().ShouldBe(expected);
        }

        await Store.WriteContentAsync("vol-a", 0, new MemoryStream(new byte[Block]), Ct);
        (await ReadAsync("vol-a", 0, SizeBytes)).ShouldBe(new byte[SizeBytes]);
    }

    [Fact]
    public async Task Extents_AreThoseWritten_AndSinceAnother_ThoseChanged()
    {
        var bytes = new byte[SizeBytes];
        await CreateAsync("vol-a");
        await WriteAsync(bytes, 0, 2 * Block);
        await WriteAsync(bytes, 10 * Block, 1);
        await SnapshotAsync("snap-1");
        await WriteAsync(bytes, Block + 5, 10);
        await WriteAsync(bytes, 40 * Block, 2 * Block);
        await Store.WriteContentAsync("vol-a", 10 * Block, new MemoryStream(new byte[Block]), Ct);
        await SnapshotAsync("snap-2");
        await WriteAsync(bytes, 63 * Block, Block);
        await SnapshotAsync("snap-3");

        (await ExtentsAsync("snap-1", null)).ShouldBe([(0, 2), (10, 1)]);
        (await ExtentsAsync("snap-2", "snap-1")).ShouldBe([(1, 1), (10, 1), (40, 2)]);
        (await ExtentsAsync("snap-3", "snap-2")).ShouldBe([(63, 1)]);
        (await ExtentsAsync("snap-3", "snap-1")).ShouldBe([(1, 1), (10, 1), (40, 2), (63, 1)]);
        (await ExtentsAsync("snap-1", "snap-3")).ShouldBe([(1, 1), (10, 1), (40, 2), (63, 1)]);
        (await ExtentsAsync("snap-2", "snap-2")).ShouldBeEmpty();
        var page = await Store.ListExtentsAsync("snap-3", "snap-1", 0, 2, Ct);
        page.Extents.Count.ShouldBe(2);
        (await Store.ListExtentsAsync("snap-3", "snap-1", page.NextOffset!.Value, 10, Ct)).Extents.Select(one => one.Offset / Block)
            .ShouldBe([40, 63]);
    }

    [Fact]
    public async Task Extents_AfterARestore_AreThoseOfBothBranches()
    {
        var bytes = new byte[SizeBytes];
        await CreateAsync("vol-a");
        await WriteAsync(bytes, 0, Block);
        await SnapshotAsync("snap-1");
        await WriteAsync(bytes, 5 * Block, Block);
        await SnapshotAsync("snap-2");
        await Store.RestoreVolumeAsync("vol-a", "snap-1", Ct);
        await WriteAsync(bytes, 9 * Block, Block);
        await SnapshotAsync("snap-3");

        (await ExtentsAsync("snap-3", "snap-2")).ShouldBe([(5, 1), (9, 1)]);
        (await ExtentsAsync("snap-3", "snap-1")).ShouldBe([(9, 1)]);
    }

    [Fact]
    public async Task Increments_ByChangesAlone_MakeTheSnapshotAgain()
    {
        var random = new Random(20261128);
        var bytes = new byte[SizeBytes];
        await CreateAsync("vol-a");
        await CreateAsync("vol-copy");
        string? before = null;
        for (var round = 1; round <= 4; round++)
        {
            for (var write = 0; write < 5; write++)
            {
                var at = random.Next(SizeBytes - 1);
                await WriteAsync(bytes, at, random.Next(1, Math.Min(3 * Block, SizeBytes - at)));
            }

            await SnapshotAsync($"snap-{round}");
            foreach (var extent in (await Store.ListExtentsAsync($"snap-{round}", before, 0, 1000, Ct)).Extents)
            {
                await using var part = await Store.ReadContentAsync($"snap-{round}", extent.Offset, extent.LengthBytes, Ct);
                await Store.WriteContentAsync("vol-copy", extent.Offset, part, Ct);
            }

            before = $"snap-{round}";
            (await ReadAsync("vol-copy", 0, SizeBytes)).ShouldBe(bytes);
        }
    }

    private Task<StoredVolume> CreateAsync(string id, string format = "qcow2") =>
        Store.CreateVolumeAsync(new VolumeSpec { Id = id, SizeBytes = SizeBytes, Format = format }, Ct);

    private Task<IReadOnlyList<StoredSnapshot>> SnapshotAsync(string snapshot) =>
        Store.SnapshotVolumesAsync(new Dictionary<string, string> { ["vol-a"] = snapshot }, Ct);

    /// <summary>Noise, written to the volume and noted.</summary>
    private async Task WriteAsync(byte[] noted, int offset, int count)
    {
        RandomNumberGenerator.Fill(noted.AsSpan(offset, count));
        await Store.WriteContentAsync("vol-a", offset, new MemoryStream(noted, offset, count), Ct);
    }

    private async Task<byte[]> ReadAsync(string source, long offset, long length)
    {
        await using var content = await Store.ReadContentAsync(source, offset, length, Ct);
        using var all = new MemoryStream();
        await content.CopyToAsync(all, Ct);

        // As an answer's writer does before its owner does.
        content.Close();
        return all.ToArray();
    }

    /// <summary>In blocks.</summary>
    private async Task<IEnumerable<(long, long)>> ExtentsAsync(string snapshot, string? since) =>
        (await Store.ListExtentsAsync(snapshot, since, 0, 1000, Ct)).Extents.Select(one => (one.Offset / Block, one.LengthBytes / Block));
}
