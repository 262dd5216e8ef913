using System.IO.Compression;
using System.Security.Cryptography;
using Cloud.Database.Archive;
using Cloud.Database.Tests.Kit;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using ZstdSharp;

namespace Cloud.Database.Tests.Archive;

/// <summary>Base backups on their way to the object storage and back.</summary>
public sealed class PackedObjectsTests : IDisposable
{
    private const string Bucket = "bucket";
    private const string Key = "base.tar";

    /// <summary>More than is held of what nobody reads.</summary>
    private const int Bytes = 1 << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cloud-test-");
    private readonly FolderObjects _objects;

    public PackedObjectsTests() => _objects = new FolderObjects(_folder.FullName);

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(Bytes + 1, false)]
    [InlineData(20 * Bytes, true)]
    public async Task Packed_IsRead_AsItWasPut(int bytes, bool zeros)
    {
        var ct = TestContext.Current.CancellationToken;
        var content = zeros ? new byte[bytes] : RandomNumberGenerator.GetBytes(bytes);

        var stored = await PutAsync(content);

        stored.ShouldBe((await _objects.ListAsync(Bucket, "", ct)).Single().SizeBytes);
        (await ReadAsync()).AsSpan().SequenceEqual(content).ShouldBeTrue();
        if (zeros)
        {
            stored.ShouldBeLessThan(bytes / 100);
        }

        await _objects.DeletePackedAsync(Bucket, Key, ct);
        (await _objects.ListAsync(Bucket, "", ct)).ShouldBeEmpty();
        (await Should.ThrowAsync<CloudException>(ReadAsync)).Code.ShouldBe("archive-incomplete");
    }

    [Fact]
    public async Task Packed_ThatIsCutOffOrChanged_IsNotTakenForWhole()
    {
        await PutAsync(RandomNumberGenerator.GetBytes(Bytes));
        var file = _folder.GetFiles("*", SearchOption.AllDirectories).Single().FullName;
        var packed = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        foreach (var length in new[] { 1, packed.Length / 2, packed.Length - 1 })
        {
            await File.WriteAllBytesAsync(file, packed[..length], TestContext.Current.CancellationToken);
            await Should.ThrowAsync<EndOfStreamException>(ReadAsync);
        }

        packed[packed.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, packed, TestContext.Current.CancellationToken);
        await Should.ThrowAsync<ZstdException>(ReadAsync);
    }

    [Fact]
    public async Task Packed_ByGzip_AsInEarlierVersions_IsRead()
    {
        var content = RandomNumberGenerator.GetBytes(Bytes);
        using var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(content, TestContext.Current.CancellationToken);
        }

        packed.Position = 0;
        await _objects.PutAsync(Bucket, Key + ".gz", packed, TestContext.Current.CancellationToken);

        (await ReadAsync()).AsSpan().SequenceEqual(content).ShouldBeTrue();
        await _objects.DeletePackedAsync(Bucket, Key, TestContext.Current.CancellationToken);
        (await _objects.ListAsync(Bucket, "", TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task PutPacked_WhereTheStorageIsAway_FailsAtOnce()
    {
        var ct = TestContext.Current.CancellationToken;
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:1") };
        using var content = new MemoryStream(RandomNumberGenerator.GetBytes(Bytes));

        var put = new HttpPrivateObjects(() => client).PutPackedAsync("bucket", "key", content, ct);

        (await Should.ThrowAsync<CloudException>(() => put.WaitAsync(Limit, ct))).Kind.ShouldBe(ErrorKind.Unavailable);
    }

    private async Task<long> PutAsync(byte[] content)
    {
        using var stream = new MemoryStream(content);
        return await _objects.PutPackedAsync(Bucket, Key, stream, TestContext.Current.CancellationToken);
    }

    private async Task<byte[]> ReadAsync()
    {
        await using var stored = await _objects.OpenPackedAsync(Bucket, Key, TestContext.Current.CancellationToken);
        using var content = new MemoryStream();
        await stored.CopyToAsync(content, TestContext.Current.CancellationToken);
        return content.ToArray();
    }
}
