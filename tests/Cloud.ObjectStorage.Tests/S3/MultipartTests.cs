using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class MultipartOnSqliteTests(Storages storages) : MultipartTests(storages.OnSqlite);

public sealed class MultipartOnPostgresTests(Storages storages) : MultipartTests(storages.OnPostgres);

/// <summary>Objects in parts.</summary>
public abstract class MultipartTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    private const int PartBytes = 5 << 20;

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes((2 * PartBytes) + 1234);

    [Theory]
    [InlineData(null, null)]
    [InlineData("CRC32", "COMPOSITE")]
    [InlineData("CRC32C", "FULL_OBJECT")]
    [InlineData("CRC64NVME", "FULL_OBJECT")]
    [InlineData("SHA256", "COMPOSITE")]
    public async Task Upload_InParts_IsOneObject(string? algorithm, string? type)
    {
        var bucket = await NewBucketAsync();
        var (id, parts) = await UploadAsync(bucket, "big", algorithm, type);
        (await S3.ListPartsAsync(new ListPartsRequest { BucketName = bucket, Key = "big", UploadId = id })).Parts.Count.ShouldBe(3);
        var made = await CompleteAsync(bucket, "big", id, parts);
        made.ETag.ShouldEndWith("-3\"");
        using var got = await S3.GetObjectAsync(bucket, "big");
        using var copy = new MemoryStream();
        await got.ResponseStream.CopyToAsync(copy);
        copy.ToArray().ShouldBe(Content);

        using var second = await S3.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = "big", PartNumber = 2 });
        second.ContentLength.ShouldBe(PartBytes);
        second.PartsCount.ShouldBe(3);
        var across = new GetObjectRequest { BucketName = bucket, Key = "big", ByteRange = new ByteRange(PartBytes - 10, PartBytes + 9) };
        using var range = await S3.GetObjectAsync(across);
        using var middle = new MemoryStream();
        await range.ResponseStream.CopyToAsync(middle);
        middle.ToArray().ShouldBe(Content[(PartBytes - 10)..(PartBytes + 10)]);
    }

    [Fact]
    public async Task FullObjectChecksum_OfParts_IsThatOfTheWhole()
    {
        var bucket = await NewBucketAsync();
        var (id, parts) = await UploadAsync(bucket, "big", "CRC64NVME", "FULL_OBJECT");
        var made = await CompleteAsync(bucket, "big", id, parts);
        var whole = new PutObjectRequest
        {
            BucketName = bucket,
            Key = "whole",
            InputStream = new MemoryStream(Content),
            ChecksumAlgorithm = ChecksumAlgorithm.CRC64NVME,
        };
        (await S3.PutObjectAsync(whole)).ChecksumCRC64NVME.ShouldBe(made.ChecksumCRC64NVME);
    }

    [Fact]
    public async Task Complete_OfPartsUnderACustomersKey_WantsThatKey()
    {
        var bucket = await NewBucketAsync();
        var key = Convert.ToBase64String(Enumerable.Repeat((byte)1, 32).ToArray());
        var upload = (await S3.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest
        {
            BucketName = bucket,
            Key = "big",
            ServerSideEncryptionCustomerMethod = ServerSideEncryptionCustomerMethod.AES256,
            ServerSideEncryptionCustomerProvidedKey = key,
        })).UploadId;
        var part = await S3.UploadPartAsync(new UploadPartRequest
        {
            BucketName = bucket,
            Key = "big",
            UploadId = upload,
            PartNumber = 1,
            InputStream = new MemoryStream(Content[..PartBytes]),
            ServerSideEncryptionCustomerMethod = ServerSideEncryptionCustomerMethod.AES256,
            ServerSideEncryptionCustomerProvidedKey = key,
        });
        var complete = new CompleteMultipartUploadRequest
        {
            BucketName = bucket,
            Key = "big",
            UploadId = upload,
            PartETags = [new PartETag(part)],
        };
        (await RefusalAsync(() => S3.CompleteMultipartUploadAsync(complete))).ShouldBe("InvalidRequest");
        complete.SSECustomerAlgorithm = "AES256";
        (complete.SSECustomerKey, complete.SSECustomerKeyMD5) = (Convert.ToBase64String(new byte[32]), "cLyPS3KoaSFGi/joRB3OUQ==");
        (await RefusalAsync(() => S3.CompleteMultipartUploadAsync(complete))).ShouldBe("InvalidRequest");
        (complete.SSECustomerKey, complete.SSECustomerKeyMD5) = (key, "4Funlf7OsLF0HL+vKU+fkg==");
        (await S3.CompleteMultipartUploadAsync(complete)).ETag.ShouldEndWith("-1\"");
    }

    [Fact]
    public async Task Complete_WithWrongParts_IsRefused()
    {
        var bucket = await NewBucketAsync();
        var (id, parts) = await UploadAsync(bucket, "big", null, null);

        // The SDK would sort them.
        var xml = string.Concat(parts.AsEnumerable().Reverse().Select(
            part => $"<Part><PartNumber>{part.PartNumber}</PartNumber><ETag>{part.ETag}</ETag></Part>"));
        var url = Signer.Url(
            Storage.Keys.Add("prj-one"), Storage.S3Url, "POST", $"/{bucket}/big", $"uploadId={id}", TimeProvider.System.GetUtcNow());
        using var reversed = await Storage.S3Http.PostAsync(
            url, new StringContent($"<CompleteMultipartUpload>{xml}</CompleteMultipartUpload>"));
        (await reversed.Content.ReadAsStringAsync()).ShouldContain("<Code>InvalidPartOrder</Code>");
        (await RefusalAsync(() => CompleteAsync(bucket, "big", id, [parts[0], new PartETag(9, parts[1].ETag)]))).ShouldBe("InvalidPart");
        (await RefusalAsync(() => CompleteAsync(bucket, "big", id, [parts[0], new PartETag(2, parts[0].ETag)]))).ShouldBe("InvalidPart");
        (await RefusalAsync(() => CompleteAsync(bucket, "big", "no-such", parts))).ShouldBe("NoSuchUpload");
        (await CompleteAsync(bucket, "big", id, parts)).Key.ShouldBe("big");

        // The answer may have been lost: asked again, it is the same.
        (await CompleteAsync(bucket, "big", id, parts)).Key.ShouldBe("big");
    }

    [Fact]
    public async Task Complete_OfSmallParts_IsRefused()
    {
        var bucket = await NewBucketAsync();
        var upload = await S3.InitiateMultipartUploadAsync(bucket, "small");
        var parts = new List<PartETag>();
        for (var number = 1; number <= 2; number++)
        {
            var part = await S3.UploadPartAsync(new UploadPartRequest
            {
                BucketName = bucket,
                Key = "small",
                UploadId = upload.UploadId,
                PartNumber = number,
                InputStream = new MemoryStream([1, 2, 3]),
            });
            parts.Add(new PartETag(number, part.ETag));
        }

        (await RefusalAsync(() => CompleteAsync(bucket, "small", upload.UploadId, parts))).ShouldBe("EntityTooSmall");
    }

    [Fact]
    public async Task Abort_LeavesNothing()
    {
        var bucket = await NewBucketAsync();
        var (id, _) = await UploadAsync(bucket, "big", null, null);
        (await S3.ListMultipartUploadsAsync(bucket)).MultipartUploads.ShouldHaveSingleItem().UploadId.ShouldBe(id);
        await S3.AbortMultipartUploadAsync(bucket, "big", id);
        ((await S3.ListMultipartUploadsAsync(bucket)).MultipartUploads?.Count ?? 0).ShouldBe(0);
        (await RefusalAsync(() => S3.ListPartsAsync(bucket, "big", id))).ShouldBe("NoSuchUpload");
        (await Storage.ReadAsync(session => session.ScalarAsync<long>("""SELECT COUNT(*) FROM "Parts" WHERE "Upload" = @p0""", default,
            id)))
            .ShouldBe(0);
    }

    [Fact]
    public async Task CopyPart_TakesARangeOfAnotherObject()
    {
        var bucket = await NewBucketAsync();
        var (id, parts) = await UploadAsync(bucket, "big", null, null);
        await CompleteAsync(bucket, "big", id, parts);
        var upload = await S3.InitiateMultipartUploadAsync(bucket, "copy");
        var part = await S3.CopyPartAsync(new CopyPartRequest
        {
            SourceBucket = bucket,
            SourceKey = "big",
            DestinationBucket = bucket,
            DestinationKey = "copy",
            UploadId = upload.UploadId,
            PartNumber = 1,
            FirstByte = 100,
            LastByte = PartBytes + 100,
        });
        await CompleteAsync(bucket, "copy", upload.UploadId, [new PartETag(1, part.ETag)]);
        using var got = await S3.GetObjectAsync(bucket, "copy");
        using var bytes = new MemoryStream();
        await got.ResponseStream.CopyToAsync(bytes);
        bytes.ToArray().ShouldBe(Content[100..(PartBytes + 101)]);
    }

    private async Task<(string Id, List<PartETag> Parts)> UploadAsync(string bucket, string key, string? algorithm, string? type)
    {
        var checksum = algorithm is null ? null : ChecksumAlgorithm.FindValue(algorithm);
        var upload = await S3.InitiateMultipartUploadAsync(new InitiateMultipartUploadRequest
        {
            BucketName = bucket,
            Key = key,
            ChecksumAlgorithm = checksum,
            ChecksumType = type is null ? null : ChecksumType.FindValue(type),
        });
        var parts = new List<PartETag>();
        for (var number = 1; number <= 3; number++)
        {
            var bytes = Content[((number - 1) * PartBytes)..Math.Min(number * PartBytes, Content.Length)];
            var part = await S3.UploadPartAsync(new UploadPartRequest
            {
                BucketName = bucket,
                Key = key,
                UploadId = upload.UploadId,
                PartNumber = number,
                InputStream = new MemoryStream(bytes),
                ChecksumAlgorithm = checksum,
            });
            parts.Add(new PartETag(part));
        }

        return (upload.UploadId, parts);
    }

    private Task<CompleteMultipartUploadResponse> CompleteAsync(string bucket, string key, string id, List<PartETag> parts)
    {
        var request = new CompleteMultipartUploadRequest { BucketName = bucket, Key = key, UploadId = id, PartETags = parts };
        return S3.CompleteMultipartUploadAsync(request);
    }
}
