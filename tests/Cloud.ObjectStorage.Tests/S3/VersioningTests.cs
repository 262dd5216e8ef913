using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class VersioningOnSqliteTests(Storages storages) : VersioningTests(storages.OnSqlite);

public sealed class VersioningOnPostgresTests(Storages storages) : VersioningTests(storages.OnPostgres);

/// <summary>Versions, delete markers, object lock, and that usage is the sum of all of it.</summary>
public abstract class VersioningTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task Delete_MakesAMarker_AndDeletingThatBringsTheObjectBack()
    {
        var bucket = await NewBucketAsync(versioning: true);
        var first = (await PutAsync(bucket, "key", "one")).VersionId;
        var second = (await PutAsync(bucket, "key", "two")).VersionId;
        var marker = await S3.DeleteObjectAsync(bucket, "key");
        marker.DeleteMarker.ShouldBe("true");
        (await RefusalAsync(() => GetAsync(bucket, "key"))).ShouldBe("NoSuchKey");
        (await GetAsync(bucket, "key", first)).ShouldBe("one");
        await S3.DeleteObjectAsync(bucket, "key", marker.VersionId);
        (await GetAsync(bucket, "key")).ShouldBe("two");
        await S3.DeleteObjectAsync(bucket, "key", second);
        (await GetAsync(bucket, "key")).ShouldBe("one");
        (await RefusalAsync(() => GetAsync(bucket, "key", second))).ShouldBe("NoSuchVersion");
    }

    [Fact]
    public async Task Suspended_ReplacesTheNullVersion_AndKeepsTheOthers()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "before");
        await SetVersioningAsync(bucket, VersionStatus.Enabled);
        var kept = (await PutAsync(bucket, "key", "kept")).VersionId;
        await SetVersioningAsync(bucket, VersionStatus.Suspended);
        await PutAsync(bucket, "key", "null-1");
        await PutAsync(bucket, "key", "null-2");
        var versions = (await S3.ListVersionsAsync(bucket)).Versions;
        versions.Select(version => version.VersionId).ShouldBe(["null", kept]);
        (await GetAsync(bucket, "key", "null")).ShouldBe("null-2");
        (await GetAsync(bucket, "key", kept)).ShouldBe("kept");
    }

    [Fact]
    public async Task ObjectLock_KeepsAVersionUntilItsTime()
    {
        var bucket = NewName();
        await S3.PutBucketAsync(new PutBucketRequest { BucketName = bucket, ObjectLockEnabledForBucket = true });
        var held = await S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "held",
            ContentBody = "x",
            ObjectLockMode = ObjectLockMode.Governance,
            ObjectLockRetainUntilDate = TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(1),
        });
        (await RefusalAsync(() => S3.DeleteObjectAsync(bucket, "held", held.VersionId))).ShouldBe("AccessDenied");
        await S3.DeleteObjectAsync(
            new DeleteObjectRequest { BucketName = bucket, Key = "held", VersionId = held.VersionId, BypassGovernanceRetention = true });

        var legal = await PutAsync(bucket, "legal", "x");
        PutObjectLegalHoldRequest Hold(ObjectLockLegalHoldStatus status) => new()
        {
            BucketName = bucket,
            Key = "legal",
            VersionId = legal.VersionId,
            LegalHold = new ObjectLockLegalHold { Status = status },
        };
        await S3.PutObjectLegalHoldAsync(Hold(ObjectLockLegalHoldStatus.On));
        (await RefusalAsync(() => S3.DeleteObjectAsync(bucket, "legal", legal.VersionId))).ShouldBe("AccessDenied");
        await S3.PutObjectLegalHoldAsync(Hold(ObjectLockLegalHoldStatus.Off));
        await S3.DeleteObjectAsync(bucket, "legal", legal.VersionId);
    }

    [Fact]
    public async Task Usage_AfterManyWritesAtOnce_IsTheSumOfTheRows()
    {
        var bucket = await NewBucketAsync(versioning: true);
        await Task.WhenAll(Enumerable.Range(0, 120).Select(async at =>
        {
            var key = $"key-{at % 7}";
            var made = await PutAsync(bucket, key, new string('x', at));
            if (at % 3 == 0)
            {
                await S3.DeleteObjectAsync(bucket, key);
            }

            if (at % 5 == 0)
            {
                await S3.DeleteObjectAsync(bucket, key, made.VersionId);
            }
        }));
        await using var db = await Storage.OpenDbAsync();
        var id = db.Buckets.Single(row => row.Name == bucket).Id.Value;
        var rows = db.Objects.Where(row => row.Bucket == id).ToList();
        var usage = db.Usage.Single(row => row.Bucket == id);
        usage.Objects.ShouldBe(rows.Count);
        usage.SizeBytes.ShouldBe(rows.Sum(row => row.SizeBytes));
        rows.GroupBy(row => row.Key).ShouldAllBe(same => same.Count(row => row.IsLatest) == 1);
    }

    private Task<PutBucketVersioningResponse> SetVersioningAsync(string bucket, VersionStatus status) =>
        S3.PutBucketVersioningAsync(new PutBucketVersioningRequest
        {
            BucketName = bucket,
            VersioningConfig = new S3BucketVersioningConfig { Status = status },
        });
}
