using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

/// <summary>Two replicas of the service on one PostgreSQL and one folder of blobs: what one has acknowledged the other serves.</summary>
[Collection(OnOwnPostgres.Name)]
public sealed class ReplicaTests(Storages storages, OwnPostgres postgres)
{
    private const int PartBytes = 5 << 20;

    [Fact]
    public async Task Replicas_ServeEachOthersWrites_Uploads_AndDeletes()
    {
        var (data, server) = (storages.NewFolder(), await postgres.EmptyAsync());
        await using var first = await ObjectStorageUnderTest.StartAsync(data, server);
        await using var second = await ObjectStorageUnderTest.StartAsync(data, server);
        using var one = first.NewClient();
        using var two = second.NewClient();
        await one.PutBucketAsync("shared");

        // A row, a file, and over what the other wrote.
        var large = new string('x', 40_000);
        foreach (var (writer, reader) in new[] { (one, two), (two, one) })
        {
            foreach (var text in new[] { "small", large, "small again" })
            {
                await writer.PutObjectAsync(new PutObjectRequest { BucketName = "shared", Key = "key", ContentBody = text });
                (await GetAsync(reader, "key")).ShouldBe(text);
            }

            await reader.DeleteObjectAsync("shared", "key");
            (await Should.ThrowAsync<AmazonS3Exception>(() => GetAsync(writer, "key"))).ErrorCode.ShouldBe("NoSuchKey");
        }

        // Parts by both, completed by the one that did not begin.
        var upload = (await one.InitiateMultipartUploadAsync("shared", "big")).UploadId;
        var parts = await Task.WhenAll(PartAsync(one, upload, 1, 'a', PartBytes), PartAsync(two, upload, 2, 'b', 9));
        await two.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
        {
            BucketName = "shared",
            Key = "big",
            UploadId = upload,
            PartETags = [.. parts],
        });
        (await GetAsync(one, "big")).ShouldBe(new string('a', PartBytes) + new string('b', 9));

        // Both at once, on few keys: counted as what is there.
        await Task.WhenAll(Enumerable.Range(0, 80).Select(async at =>
        {
            var client = at % 2 == 0 ? one : two;
            try
            {
                await client.PutObjectAsync(new PutObjectRequest
                {
                    BucketName = "shared",
                    Key = $"hot-{at % 5}",
                    ContentBody = new string('y', at),
                });
                if (at % 4 == 0)
                {
                    await client.DeleteObjectAsync("shared", $"hot-{(at + 1) % 5}");
                }
            }
            catch (AmazonS3Exception busy) when (busy.ErrorCode == "OperationAborted")
            {
                // The other replica was faster: S3 asks to try again.
            }
        }));
        var keys = (await one.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "shared" })).S3Objects;
        (await two.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "shared" })).S3Objects.Select(o => (o.Key, o.ETag))
            .ShouldBe(keys.Select(o => (o.Key, o.ETag)));
        await using var db = await first.OpenDbAsync();
        var usage = db.Usage.Single();
        usage.Objects.ShouldBe(keys.Count);
        usage.SizeBytes.ShouldBe(keys.Sum(o => o.Size!.Value));
        (await first.ReadAsync(session => session.ScalarAsync<long>(
            """SELECT "Used" FROM "quota_counts" WHERE "Name" = @p0""", default, "objectBytes"))).ShouldBe(usage.SizeBytes);
    }

    private static async Task<PartETag> PartAsync(AmazonS3Client client, string upload, int number, char filler, int length) =>
        new(await client.UploadPartAsync(new UploadPartRequest
        {
            BucketName = "shared",
            Key = "big",
            UploadId = upload,
            PartNumber = number,
            InputStream = new MemoryStream(System.Text.Encoding.ASCII.GetBytes(new string(filler, length))),
        }));

    private static async Task<string> GetAsync(AmazonS3Client client, string key)
    {
        using var answer = await client.GetObjectAsync("shared", key);
        using var reader = new StreamReader(answer.ResponseStream);
        return await reader.ReadToEndAsync();
    }
}
