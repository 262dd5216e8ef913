using System.Net;
using System.Security.Cryptography;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class ObjectsOnSqliteTests(Storages storages) : ObjectTests(storages.OnSqlite);

public sealed class ObjectsOnPostgresTests(Storages storages) : ObjectTests(storages.OnPostgres);

/// <summary>Objects, by the SDK with its default settings.</summary>
public abstract class ObjectTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task Put_ThenGet_GivesTheSameBytesHeadersAndMetadata()
    {
        var bucket = await NewBucketAsync();
        var put = new PutObjectRequest
        {
            BucketName = bucket,
            Key = "a/../ü +%2F&<>'\"",
            ContentBody = "hello",
            ContentType = "text/x-note",
        };
        put.Metadata.Add("colour", "dark blue");
        put.Headers.CacheControl = "max-age=7";
        var made = await S3.PutObjectAsync(put);
        made.ETag.ShouldBe("\"5d41402abc4b2a76b9719d911017c592\"");

        using var got = await S3.GetObjectAsync(bucket, put.Key);
        using var reader = new StreamReader(got.ResponseStream);
        (await reader.ReadToEndAsync()).ShouldBe("hello");
        got.Headers.ContentType.ShouldBe("text/x-note");
        got.Headers.CacheControl.ShouldBe("max-age=7");
        got.Metadata["colour"].ShouldBe("dark blue");
        (await S3.GetObjectMetadataAsync(bucket, put.Key)).ContentLength.ShouldBe(5);
    }

    [Fact]
    public async Task Get_OfARange_GivesThoseBytes()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "digits", "0123456789");
        async Task<(HttpStatusCode Status, string Text, string Range)> RangeAsync(string range)
        {
            var request = new GetObjectRequest { BucketName = bucket, Key = "digits", ByteRange = new ByteRange(range) };
            using var got = await S3.GetObjectAsync(request);
            using var reader = new StreamReader(got.ResponseStream);
            return (got.HttpStatusCode, await reader.ReadToEndAsync(), got.ContentRange);
        }

        (await RangeAsync("bytes=2-4")).ShouldBe((HttpStatusCode.PartialContent, "234", "bytes 2-4/10"));
        (await RangeAsync("bytes=7-")).ShouldBe((HttpStatusCode.PartialContent, "789", "bytes 7-9/10"));
        (await RangeAsync("bytes=-3")).ShouldBe((HttpStatusCode.PartialContent, "789", "bytes 7-9/10"));
        (await RangeAsync("bytes=8-100")).Text.ShouldBe("89");
        (await RefusalAsync(() => RangeAsync("bytes=10-"))).ShouldBe("InvalidRange");
    }

    [Fact]
    public async Task Get_WithConditions_AnswersByThem()
    {
        var bucket = await NewBucketAsync();
        var etag = (await PutAsync(bucket, "key", "text")).ETag;
        (await RefusalAsync(() => S3.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = "key", EtagToMatch = "\"no\"" })))
            .ShouldBe("PreconditionFailed");
        (await Should.ThrowAsync<AmazonS3Exception>(
            () => S3.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = "key", EtagToNotMatch = etag })))
            .StatusCode.ShouldBe(HttpStatusCode.NotModified);
        (await S3.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = "key", EtagToMatch = etag })).ETag.ShouldBe(etag);
    }

    [Fact]
    public async Task Put_WithConditions_IsRefusedWhereTheyDoNotHold()
    {
        var bucket = await NewBucketAsync();
        PutObjectRequest Put(string? match, string? noneMatch) =>
            new() { BucketName = bucket, Key = "key", ContentBody = "x", IfMatch = match, IfNoneMatch = noneMatch };
        (await RefusalAsync(() => S3.PutObjectAsync(Put("\"some\"", null)))).ShouldBe("NoSuchKey");
        var made = await S3.PutObjectAsync(Put(null, "*"));
        (await RefusalAsync(() => S3.PutObjectAsync(Put(null, "*")))).ShouldBe("PreconditionFailed");
        (await RefusalAsync(() => S3.PutObjectAsync(Put("\"other\"", null)))).ShouldBe("PreconditionFailed");
        (await S3.PutObjectAsync(Put(made.ETag, null))).HttpStatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Put_IfNoneMatch_ByManyAtOnce_LetsOneThrough()
    {
        var bucket = await NewBucketAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async at =>
        {
            try
            {
                await S3.PutObjectAsync(new PutObjectRequest
                {
                    BucketName = bucket,
                    Key = "one",
                    ContentBody = $"{at}",
                    IfNoneMatch = "*",
                });
                return true;
            }
            catch (AmazonS3Exception refused) when (refused.ErrorCode == "PreconditionFailed")
            {
                return false;
            }
        }));
        outcomes.Count(won => won).ShouldBe(1);
    }

    [Theory]
    [InlineData("CRC32")]
    [InlineData("CRC32C")]
    [InlineData("CRC64NVME")]
    [InlineData("SHA1")]
    [InlineData("SHA256")]
    public async Task Put_WithAChecksum_VerifiesStoresAndReturnsIt(string algorithm)
    {
        var bucket = await NewBucketAsync();
        var bytes = RandomNumberGenerator.GetBytes(300_000);
        var made = await S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "key",
            InputStream = new MemoryStream(bytes),
            ChecksumAlgorithm = ChecksumAlgorithm.FindValue(algorithm),
        });
        made.HttpStatusCode.ShouldBe(HttpStatusCode.OK);

        // The SDK verifies what it reads against what the answer says.
        using var got = await S3.GetObjectAsync(new GetObjectRequest
        {
            BucketName = bucket,
            Key = "key",
            ChecksumMode = ChecksumMode.ENABLED,
        });
        using var copy = new MemoryStream();
        await got.ResponseStream.CopyToAsync(copy);
        copy.ToArray().ShouldBe(bytes);
        var attributes = await S3.GetObjectAttributesAsync(new GetObjectAttributesRequest
        {
            BucketName = bucket,
            Key = "key",
            ObjectAttributes = [ObjectAttributes.Checksum, ObjectAttributes.ObjectSize, ObjectAttributes.ETag],
        });
        attributes.ObjectSize.ShouldBe(bytes.Length);
        var checksum = attributes.Checksum;
        new[] { checksum.ChecksumCRC32, checksum.ChecksumCRC32C, checksum.ChecksumCRC64NVME, checksum.ChecksumSHA1,
            checksum.ChecksumSHA256 }
            .Count(value => !string.IsNullOrEmpty(value)).ShouldBe(1);
    }

    [Fact]
    public async Task Put_WithAWrongChecksum_IsRefusedAndLeavesWhatWasThere()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "old");
        (await RefusalAsync(() => S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "key",
            ContentBody = "new",
            ChecksumCRC32 = "AAAAAA==",
        }))).ShouldBe("BadDigest");
        (await RefusalAsync(() => S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "key",
            ContentBody = "new",
            MD5Digest = Convert.ToBase64String(new byte[16]),
        }))).ShouldBe("BadDigest");
        (await GetAsync(bucket, "key")).ShouldBe("old");
    }

    [Fact]
    public async Task Copy_KeepsOrReplacesMetadata_AndSharesTheBytes()
    {
        var bucket = await NewBucketAsync();
        var put = new PutObjectRequest { BucketName = bucket, Key = "from", ContentBody = "copied" };
        put.Metadata.Add("kind", "first");
        await S3.PutObjectAsync(put);
        await S3.CopyObjectAsync(bucket, "from", bucket, "kept");
        var replace = new CopyObjectRequest
        {
            SourceBucket = bucket,
            SourceKey = "from",
            DestinationBucket = bucket,
            DestinationKey = "replaced",
            MetadataDirective = S3MetadataDirective.REPLACE,
        };
        replace.Metadata.Add("kind", "second");
        await S3.CopyObjectAsync(replace);
        await S3.DeleteObjectAsync(bucket, "from");

        (await GetAsync(bucket, "kept")).ShouldBe("copied");
        (await S3.GetObjectMetadataAsync(bucket, "kept")).Metadata["kind"].ShouldBe("first");
        (await S3.GetObjectMetadataAsync(bucket, "replaced")).Metadata["kind"].ShouldBe("second");
        (await RefusalAsync(() => S3.CopyObjectAsync(bucket, "kept", bucket, "kept"))).ShouldBe("InvalidRequest");
        (await RefusalAsync(() => S3.CopyObjectAsync(bucket, "none", bucket, "x"))).ShouldBe("NoSuchKey");
    }

    [Fact]
    public async Task Delete_OfOneAndOfMany_IsDoneAndRepeatable()
    {
        var bucket = await NewBucketAsync();
        for (var at = 0; at < 5; at++)
        {
            await PutAsync(bucket, $"k{at}", "x");
        }

        await S3.DeleteObjectAsync(bucket, "k0");
        await S3.DeleteObjectAsync(bucket, "k0");
        var deleted = await S3.DeleteObjectsAsync(new DeleteObjectsRequest
        {
            BucketName = bucket,
            Objects = [new KeyVersion { Key = "k1" }, new KeyVersion { Key = "k2" }, new KeyVersion { Key = "none" }],
        });
        deleted.DeletedObjects.Count.ShouldBe(3);
        (await S3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket })).S3Objects.Select(one => one.Key)
            .ShouldBe(["k3", "k4"]);
        (await RefusalAsync(() => GetAsync(bucket, "k1"))).ShouldBe("NoSuchKey");
        (await RefusalAsync(() => S3.DeleteBucketAsync(bucket))).ShouldBe("BucketNotEmpty");
    }

    [Fact]
    public async Task Tags_OfAnObject_ComeBack()
    {
        var bucket = await NewBucketAsync();
        await S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "key",
            ContentBody = "x",
            TagSet = [new Tag
            {
                Key = "a b",
                Value = "c=d&e",
            }],
        });
        (await S3.GetObjectTaggingAsync(new GetObjectTaggingRequest { BucketName = bucket, Key = "key" })).Tagging
            .ShouldHaveSingleItem().Value.ShouldBe("c=d&e");
        await S3.DeleteObjectTaggingAsync(new DeleteObjectTaggingRequest { BucketName = bucket, Key = "key" });
        ((await S3.GetObjectTaggingAsync(new GetObjectTaggingRequest
        {
            BucketName = bucket,
            Key = "key",
        })).Tagging?.Count ?? 0).ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Encrypted_Object_ReadsBackInAnyRange_AndLiesSealed(bool customers)
    {
        var bucket = await NewBucketAsync();
        var bytes = RandomNumberGenerator.GetBytes(200_000);
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var put = new PutObjectRequest { BucketName = bucket, Key = "secret", InputStream = new MemoryStream(bytes) };
        var get = new GetObjectRequest { BucketName = bucket, Key = "secret" };
        if (customers)
        {
            (put.ServerSideEncryptionCustomerMethod, put.ServerSideEncryptionCustomerProvidedKey) = (
                ServerSideEncryptionCustomerMethod.AES256, key);
            (get.ServerSideEncryptionCustomerMethod, get.ServerSideEncryptionCustomerProvidedKey) = (
                ServerSideEncryptionCustomerMethod.AES256, key);
        }
        else
        {
            put.ServerSideEncryptionMethod = ServerSideEncryptionMethod.AES256;
        }

        await PutEncryptedAsync(put);
        foreach (var (first, last) in new[] { (0L, 199_999L), (65_535L, 65_537L), (131_000L, 140_000L), (199_999L, 199_999L) })
        {
            get.ByteRange = new ByteRange(first, last);
            using var got = await S3.GetObjectAsync(get);
            using var copy = new MemoryStream();
            await got.ResponseStream.CopyToAsync(copy);
            copy.ToArray().ShouldBe(bytes[(int)first..(int)(last + 1)]);
        }

        var blob = await Storage.ReadAsync(session => session.ScalarAsync<string>(
            """SELECT "Blob" FROM "Objects" WHERE "Bucket" = (SELECT "Id" FROM "Buckets" WHERE "Name" = @p0)""", default, bucket));
        var file = await File.ReadAllBytesAsync(Path.Combine(Storage.Data, "objects", blob![..2], blob));
        file.AsSpan().IndexOf(bytes.AsSpan(1000, 16)).ShouldBe(-1);
        if (customers)
        {
            (await RefusalAsync(() => S3.GetObjectAsync(bucket, "secret"))).ShouldBe("InvalidRequest");
            get.ServerSideEncryptionCustomerProvidedKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
            (await RefusalAsync(() => S3.GetObjectAsync(get))).ShouldBe("InvalidRequest");
        }
    }

    [Theory]
    [InlineData("AES256", "a-key")]
    [InlineData("aes:kms", null)]
    [InlineData(null, "a-key")]
    public async Task Encryption_OfNonsense_IsRefused(string? method, string? keyId)
    {
        var put = new PutObjectRequest
        {
            BucketName = await NewBucketAsync(),
            Key = "key",
            ContentBody = "text",
            ServerSideEncryptionMethod = method is null ? null : new ServerSideEncryptionMethod(method),
            ServerSideEncryptionKeyManagementServiceKeyId = keyId,
        };
        (await RefusalAsync(() => S3.PutObjectAsync(put))).ShouldBe("InvalidArgument");
    }

    [Fact]
    public async Task Settings_OfOneBucket_SetByManyAtOnce_AreAllTaken()
    {
        var bucket = await NewBucketAsync();
        await Task.WhenAll(Enumerable.Range(0, 40).Select(at => S3.PutBucketTaggingAsync(
            new PutBucketTaggingRequest { BucketName = bucket, TagSet = [new Tag { Key = "at", Value = $"{at}" }] })));
        var tags = (await S3.GetBucketTaggingAsync(new GetBucketTaggingRequest { BucketName = bucket })).TagSet;
        tags.ShouldHaveSingleItem().Key.ShouldBe("at");
    }

    [Fact]
    public async Task Location_OfABucket_IsTheOneItWasMadeWith()
    {
        var name = NewName();
        await S3.PutBucketAsync(new PutBucketRequest { BucketName = name, BucketRegionName = "eu-central-1" });
        (await S3.GetBucketLocationAsync(name)).Location.Value.ShouldBe("eu-central-1");
        (await S3.GetBucketLocationAsync(await NewBucketAsync())).Location.Value.ShouldBeEmpty();
    }

    [Fact]
    public async Task Torrent_OfAnObject_IsNone()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "text");
        (await RefusalAsync(() => S3.GetObjectTorrentAsync(bucket, "key"))).ShouldBe("NoSuchKey");
    }

    private async Task PutEncryptedAsync(PutObjectRequest put) => (await S3.PutObjectAsync(put)).HttpStatusCode.ShouldBe(HttpStatusCode.OK);
}
