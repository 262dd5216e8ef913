using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using LifecycleRunner = Cloud.ObjectStorage.Buckets.LifecycleRunner;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class PartQuotaOnSqliteTests(Storages storages) : PartQuotaTests(storages, null);

[Collection(OnOwnPostgres.Name)]
public sealed class PartQuotaOnPostgresTests(Storages storages, OwnPostgres postgres) : PartQuotaTests(storages, postgres);

/// <summary>The parts of uploads under way take from the project's quota, and give back what they took.</summary>
public abstract class PartQuotaTests(Storages storages, OwnPostgres? postgres) : IAsyncLifetime
{
    private const int PartBytes = 5 << 20;

    private readonly ShiftedClock _clock = new();
    private ObjectStorageUnderTest _storage = null!;
    private AmazonS3Client _s3 = null!;

    public async ValueTask InitializeAsync()
    {
        _storage = await ObjectStorageUnderTest.StartAsync(
            storages.NewFolder(), postgres is null ? null : await postgres.EmptyAsync(), _clock, settings: new Dictionary<string, string?>
            {
                // The SDK's clock is not put forward.
                ["Cloud:ObjectStorage:ClockSkew"] = "1000.00:00:00",
            });
        _s3 = _storage.NewClient();
        await _s3.PutBucketAsync("parts");
    }

    [Fact]
    public async Task Parts_CountFromTheFirst_AndOnceAsAnObject()
    {
        var id = await BeginAsync("big");
        await PartAsync("big", id, 1, PartBytes + 7);
        await PartAsync("big", id, 1, PartBytes);
        await PartAsync("big", id, 2, 300);
        await PartAsync("big", id, 3, 0);
        (await UsedAsync()).ShouldBe(PartBytes + 300);
        await PartAsync("big", id, 2, 100);
        (await UsedAsync()).ShouldBe(PartBytes + 100);

        // Part 2 is left out and goes.
        await CompleteAsync("big", id, 1);
        (await UsedAsync()).ShouldBe(PartBytes);

        var again = await BeginAsync("big");
        await PartAsync("big", again, 1, 10);
        (await UsedAsync()).ShouldBe(PartBytes + 10);
        (await Should.ThrowAsync<AmazonS3Exception>(() => CompleteAsync("big", again, 1, "\"00000000000000000000000000000000\"")))
            .ErrorCode.ShouldBe("InvalidPart");
        (await UsedAsync()).ShouldBe(PartBytes + 10);
        await CompleteAsync("big", again, 1);
        (await UsedAsync()).ShouldBe(10);
        await _s3.DeleteObjectAsync("parts", "big");
        (await UsedAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Abort_Lifecycle_AndTheBucketsEnd_GiveBack()
    {
        var first = await BeginAsync("first");
        await PartAsync("first", first, 1, 1000);
        await PartAsync("first", first, 2, 2000);
        var second = await BeginAsync("second");
        await PartAsync("second", second, 1, 50);
        await _s3.AbortMultipartUploadAsync("parts", "first", first);
        (await UsedAsync()).ShouldBe(50);

        await _s3.PutLifecycleConfigurationAsync("parts", new LifecycleConfiguration
        {
            Rules =
            [
                new LifecycleRule
                {
                    Id = "uploads",
                    Status = LifecycleRuleStatus.Enabled,
                    Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = "" } },
                    AbortIncompleteMultipartUpload = new LifecycleRuleAbortIncompleteMultipartUpload { DaysAfterInitiation = 1 },
                },
            ],
        });
        _clock.Advance(TimeSpan.FromDays(2));
        await _storage.Services.GetRequiredService<LifecycleRunner>().ReconcileAsync(default);
        (await UsedAsync()).ShouldBe(0);

        await PartAsync("third", await BeginAsync("third"), 1, 70);
        (await UsedAsync()).ShouldBe(70);
        await _s3.DeleteBucketAsync("parts");
        (await UsedAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task Parts_BeyondTheQuota_AreRefused_AndWhatIsHeldCanBeCompleted()
    {
        await using (var db = await _storage.OpenDbAsync())
        {
            await db.Database.ExecuteSqlAsync(
                $"""
                INSERT INTO "quota_limits" ("Project", "Name", "Limit", "Generation") VALUES ('prj-one', 'objectBytes', 1000, 1)
                """);
        }

        var id = await BeginAsync("big");
        await PartAsync("big", id, 1, 1000);
        (await Should.ThrowAsync<AmazonS3Exception>(() => PartAsync("big", id, 2, 1))).ErrorCode.ShouldBe("QuotaExceeded");
        (await UsedAsync()).ShouldBe(1000);
        await CompleteAsync("big", id, 1);
        (await UsedAsync()).ShouldBe(1000);
    }

    [Fact]
    public async Task Migration_CountsUploadsThatWereUnderWay()
    {
        await PartAsync("big", await BeginAsync("big"), 1, 123);
        await _s3.PutObjectAsync(new PutObjectRequest { BucketName = "parts", Key = "small", ContentBody = "four" });
        await using (var db = await _storage.OpenDbAsync())
        {
            // As the version before left them.
            await db.Database.ExecuteSqlAsync($"""UPDATE "quota_counts" SET "Used" = 4 WHERE "Name" = 'objectBytes'""");
            await db.Database.ExecuteSqlAsync(
                $"""DELETE FROM "__EFMigrationsHistory" WHERE "MigrationId" LIKE '%CountUploadsUnderWay'""");
            await db.Database.MigrateAsync();
        }

        (await UsedAsync()).ShouldBe(127);
    }

    private async Task<string> BeginAsync(string key) => (await _s3.InitiateMultipartUploadAsync("parts", key)).UploadId;

    private Task<UploadPartResponse> PartAsync(string key, string id, int number, int length) => _s3.UploadPartAsync(new UploadPartRequest
    {
        BucketName = "parts",
        Key = key,
        UploadId = id,
        PartNumber = number,
        InputStream = new MemoryStream(new byte[length]),
    });

    private async Task CompleteAsync(string key, string id, int number, string? etag = null)
    {
        var parts = (await _s3.ListPartsAsync("parts", key, id)).Parts;
        await _s3.CompleteMultipartUploadAsync(new CompleteMultipartUploadRequest
        {
            BucketName = "parts",
            Key = key,
            UploadId = id,
            PartETags = [new PartETag(number, etag ?? parts.Single(part => part.PartNumber == number).ETag)],
        });
    }

    private Task<long> UsedAsync() => _storage.ReadAsync(session => session.ScalarAsync<long>(
        """SELECT "Used" FROM "quota_counts" WHERE "Project" = @p0 AND "Name" = @p1""", default, "prj-one", "objectBytes"));

    public async ValueTask DisposeAsync()
    {
        _s3.Dispose();
        await _storage.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
