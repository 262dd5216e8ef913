using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;
using LifecycleRunner = Cloud.ObjectStorage.Buckets.LifecycleRunner;

namespace Cloud.ObjectStorage.Tests.Buckets;

public sealed class LifecycleOnSqliteTests(Storages storages) : LifecycleTests(storages, null);

[Collection(OnOwnPostgres.Name)]
public sealed class LifecycleOnPostgresTests(Storages storages, OwnPostgres postgres) : LifecycleTests(storages, postgres);

/// <summary>Lifecycle rules by the calendar, on a clock that is put forward; and what is swept.</summary>
public abstract class LifecycleTests(Storages storages, OwnPostgres? postgres) : IAsyncLifetime
{
    /// <summary>So long that its bytes are a file.</summary>
    private const int FileLength = 20_000;

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
        await _s3.PutBucketAsync("rules");
    }

    [Fact]
    public async Task Expiration_EndsWhatARuleCovers_AtItsTime()
    {
        await PutAsync("logs/old");
        await PutAsync("kept/old");
        await RuleAsync(new LifecycleRule
        {
            Id = "logs",
            Status = LifecycleRuleStatus.Enabled,
            Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = "logs/" } },
            Expiration = new LifecycleRuleExpiration { Days = 30 },
        });
        await RunAfterAsync(TimeSpan.FromDays(29));
        (await KeysAsync()).ShouldBe(["kept/old", "logs/old"]);
        await PutAsync("logs/new");
        await RunAfterAsync(TimeSpan.FromDays(2));
        (await KeysAsync()).ShouldBe(["kept/old", "logs/new"]);
    }

    [Fact]
    public async Task NoncurrentVersions_AndLoneDeleteMarkers_End()
    {
        await _s3.PutBucketVersioningAsync(new PutBucketVersioningRequest
        {
            BucketName = "rules",
            VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled },
        });
        for (var at = 0; at < 4; at++)
        {
            await PutAsync("key");
            _clock.Advance(TimeSpan.FromMinutes(1));
        }

        await PutAsync("gone");
        await _s3.DeleteObjectAsync("rules", "gone");
        await RuleAsync(new LifecycleRule
        {
            Id = "versions",
            Status = LifecycleRuleStatus.Enabled,
            Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = "" } },
            Expiration = new LifecycleRuleExpiration { ExpiredObjectDeleteMarker = true },
            NoncurrentVersionExpiration = new LifecycleRuleNoncurrentVersionExpiration { NoncurrentDays = 5, NewerNoncurrentVersions = 1 },
        });
        await RunAfterAsync(TimeSpan.FromDays(4));
        (await _s3.ListVersionsAsync("rules")).Versions.Count.ShouldBe(6);
        await RunAfterAsync(TimeSpan.FromDays(2));

        // Of "key" the newest and one older; of "gone" the one older is the newest noncurrent, which stays.
        var versions = (await _s3.ListVersionsAsync("rules")).Versions;
        versions.Count(version => version.Key == "key").ShouldBe(2);
        await RuleAsync(new LifecycleRule
        {
            Id = "versions",
            Status = LifecycleRuleStatus.Enabled,
            Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = "" } },
            Expiration = new LifecycleRuleExpiration { ExpiredObjectDeleteMarker = true },
            NoncurrentVersionExpiration = new LifecycleRuleNoncurrentVersionExpiration { NoncurrentDays = 1 },
        });
        await RunAfterAsync(TimeSpan.Zero);
        await RunAfterAsync(TimeSpan.Zero);
        (await _s3.ListVersionsAsync("rules")).Versions.Select(version => version.Key).ShouldBe(["key"]);
    }

    [Fact]
    public async Task UnfinishedUploads_AreAborted()
    {
        await _s3.InitiateMultipartUploadAsync("rules", "never");
        await RuleAsync(new LifecycleRule
        {
            Id = "uploads",
            Status = LifecycleRuleStatus.Enabled,
            Filter = new LifecycleFilter { LifecycleFilterPredicate = new LifecyclePrefixPredicate { Prefix = "" } },
            AbortIncompleteMultipartUpload = new LifecycleRuleAbortIncompleteMultipartUpload { DaysAfterInitiation = 7 },
        });
        await RunAfterAsync(TimeSpan.FromDays(6));
        (await _s3.ListMultipartUploadsAsync("rules")).MultipartUploads.Count.ShouldBe(1);
        await RunAfterAsync(TimeSpan.FromDays(2));
        ((await _s3.ListMultipartUploadsAsync("rules")).MultipartUploads?.Count ?? 0).ShouldBe(0);
    }

    [Fact]
    public async Task Files_ThatNoRowNames_AreSwept_AndOthersStay()
    {
        await PutAsync("kept", FileLength);
        await PutAsync("replaced", FileLength);
        await PutAsync("replaced", FileLength);
        var folder = Path.Combine(_storage.Data, "objects");
        var orphan = Path.Combine(folder, "ab", "ab" + new string('0', 30));
        await File.WriteAllTextAsync(orphan, "half");
        await SweepAsync();
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Count().ShouldBe(3);
        _clock.Advance(TimeSpan.FromDays(2));
        await SweepAsync();
        File.Exists(orphan).ShouldBeFalse();
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Count().ShouldBe(2);
        using var got = await _s3.GetObjectAsync("rules", "kept");
        got.ContentLength.ShouldBe(FileLength);
    }

    [Fact]
    public async Task SmallObjects_AreRows_AndGoWithTheirObjects()
    {
        await PutAsync("small");
        await PutAsync("small");
        await PutAsync("other", 16_000);
        await using var db = await _storage.OpenDbAsync();
        db.SmallBlobs.Count().ShouldBe(2);
        Directory.EnumerateFiles(Path.Combine(_storage.Data, "objects"), "*", SearchOption.AllDirectories).ShouldBeEmpty();
        await _s3.DeleteObjectAsync("rules", "small");
        await _s3.DeleteObjectAsync("rules", "other");
        db.SmallBlobs.Count().ShouldBe(0);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _s3.Dispose();
        await _storage.DisposeAsync();
    }

    private Task<PutObjectResponse> PutAsync(string key, int length = 4) =>
        _s3.PutObjectAsync(new PutObjectRequest { BucketName = "rules", Key = key, ContentBody = new string('x', length) });

    private async Task<IEnumerable<string>> KeysAsync() =>
        (await _s3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "rules" })).S3Objects.Select(one => one.Key);

    private Task<PutLifecycleConfigurationResponse> RuleAsync(LifecycleRule rule) => _s3.PutLifecycleConfigurationAsync(
        new PutLifecycleConfigurationRequest { BucketName = "rules", Configuration = new LifecycleConfiguration { Rules = [rule] } });

    private async Task RunAfterAsync(TimeSpan time)
    {
        _clock.Advance(time);
        await using var scope = _storage.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<LifecycleRunner>().ReconcileAsync(default);
    }

    private async Task SweepAsync()
    {
        await using var scope = _storage.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<BlobSweeper>().ReconcileAsync(default);
        await _storage.Services.GetRequiredService<OrphanSweeper>().SweepAllAsync(default);
    }
}
