using System.Net;
using System.Text;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Contracts;
using Cloud.ObjectStorage.Tests.Kit;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests;

public sealed class SqlitePrivateObjectsTests(Storages storages) : PrivateObjectsTests(storages.OnSqlite);

public sealed class PostgresPrivateObjectsTests(Storages storages) : PrivateObjectsTests(storages.OnPostgres);

/// <summary>The buckets of the cloud's own services.</summary>
public abstract class PrivateObjectsTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    private IPrivateObjects Objects => Storage.Services.GetRequiredService<IPrivateObjects>();

    [Fact]
    public async Task Object_IsStoredReplacedListedAndRemoved()
    {
        var bucket = NewName("private");
        (await Objects.OpenAsync(bucket, "a/1", default)).ShouldBeNull();
        await StoreAsync(bucket, "a/1", new string('x', 300_000));
        await StoreAsync(bucket, "a/2", "");
        await StoreAsync(bucket, "b/1", "other");
        (await Objects.ListAsync(bucket, "a/", default)).ShouldBe([new PrivateObject("a/1", 300_000), new PrivateObject("a/2", 0)]);
        (await ReadAsync(bucket, "a/1")).ShouldBe(new string('x', 300_000));
        (await ReadAsync(bucket, "a/2")).ShouldBe("");

        await StoreAsync(bucket, "a/1", "shorter");
        (await ReadAsync(bucket, "a/1")).ShouldBe("shorter");
        await Objects.DeleteAsync(bucket, "a/1", default);
        await Objects.DeleteAsync(bucket, "a/1", default);
        (await Objects.OpenAsync(bucket, "a/1", default)).ShouldBeNull();
    }

    [Fact]
    public async Task Part_OfAnObject_IsReadByItself_AndADamagedPieceIsRefused()
    {
        const int Piece = 64 * 1024;
        var (bucket, bytes) = (NewName("private"), new byte[5 * Piece]);
        new Random(2).NextBytes(bytes);
        using (var body = new MemoryStream(bytes))
        {
            await Objects.PutAsync(bucket, "pack", body, default);
        }

        (await Objects.ReadAsync(bucket, "pack", Piece - 10, 20, default)).ShouldBe(bytes[(Piece - 10)..(Piece + 10)]);
        (await Objects.ReadAsync(bucket, "pack", bytes.Length - 5, int.MaxValue, default)).ShouldBe(bytes[^5..]);
        (await Objects.ReadAsync(bucket, "pack", bytes.Length + 5, 10, default)).ShouldBe([]);
        (await Objects.ReadAsync(bucket, "none", 0, 10, default)).ShouldBeNull();

        await using (var db = await Storage.OpenDbAsync())
        {
            var id = (await db.Buckets.SingleAsync(row => row.Name == "cloud-private-" + bucket)).Id.Value;
            var blob = (await db.Objects.SingleAsync(row => row.Bucket == id && row.Key == "pack")).Blob!;
            var path = Storage.Services.GetRequiredService<BlobStore>().PathOf(blob);
            var stored = await File.ReadAllBytesAsync(path);
            stored[^20] ^= 1;
            await File.WriteAllBytesAsync(path, stored);
        }

        (await Objects.ReadAsync(bucket, "pack", 0, 4 * Piece, default)).ShouldBe(bytes[..(4 * Piece)]);
        foreach (var offset in new[] { 0, 4 * Piece })
        {
            (await Should.ThrowAsync<CloudException>(() => Objects.ReadAsync(bucket, "pack", offset, bytes.Length, default)))
                .Code.ShouldBe(IPrivateObjects.Damaged);
        }
    }

    [Fact]
    public async Task Bucket_IsNobodysToReadOrToTakeTheNameOf()
    {
        var bucket = NewName("private");
        await StoreAsync(bucket, "secret", "text");

        ((await S3.ListBucketsAsync()).Buckets ?? []).ShouldNotContain(one => one.BucketName.Contains(bucket));
        (await RefusalAsync(() => S3.GetObjectAsync("cloud-private-" + bucket, "secret"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => S3.PutBucketAsync("cloud-private-mine"))).ShouldBe("InvalidBucketName");
        using var anonymous = await Storage.Http.GetAsync($"/internal/v1/private-buckets/{bucket}/objects?prefix=");
        anonymous.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    private async Task StoreAsync(string bucket, string key, string text)
    {
        using var body = new MemoryStream(Encoding.UTF8.GetBytes(text));
        await Objects.PutAsync(bucket, key, body, default);
    }

    private async Task<string> ReadAsync(string bucket, string key)
    {
        using var reader = new StreamReader((await Objects.OpenAsync(bucket, key, default))!);
        return await reader.ReadToEndAsync();
    }
}
