using System.Text.Json;
using Cloud.Backup.Tests.Kit;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Cloud.Testing;

namespace Cloud.Backup.Tests.Jobs;

public sealed class BucketJobOnSqliteTests(BackupServices services) : BucketJobTests(services.OnSqlite);

public abstract class BucketJobTests(BackupsUnderTest service) : BackupTest(service)
{
    [Fact]
    public async Task Increment_ReadsNewVersionsOnly_AndEachPointRestoresAllOfIts()
    {
        var bucket = AddBucket();
        var plan = await PlanAsync(bucket.Id);
        var one = await BackUpAsync(plan);
        var then = Buckets.ContentOf(bucket.Id);
        Buckets.Reads.Clear();
        Buckets.Put(bucket.Id, "a", [9, 9, 9]);
        Buckets.Put(bucket.Id, "later", new byte[100]);
        var two = await RunAsync(plan);
        two.GetProperty("bytesRead").GetInt64().ShouldBe(103);
        Buckets.Reads.ShouldBe(["a", "later"], ignoreOrder: true);

        var restored = await RestoreAsync(one);
        Buckets.ContentOf(restored.Id).ShouldBe(then);
        restored.Settings.ShouldBe(bucket.Settings);
        Buckets.ContentOf((await RestoreAsync(two.GetProperty("recoveryPoint").GetString()!)).Id).ShouldBe(Buckets.ContentOf(bucket.Id));
    }

    [Fact]
    public async Task RestoreInPlace_IsUndoneByOneCall_AndLeavesNothingBehind()
    {
        var bucket = AddBucket();
        var point = await BackUpAsync(await PlanAsync(bucket.Id));
        var then = Buckets.ContentOf(bucket.Id);
        Buckets.Put(bucket.Id, "a", [7]);
        Buckets.Put(bucket.Id, "big", null);
        var now = Buckets.ContentOf(bucket.Id);
        var job = await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        Buckets.ContentOf(bucket.Id).ShouldBe(then);
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        Buckets.ContentOf(bucket.Id).ShouldBe(now);
        var tail = IdOf(job)["job-".Length..];
        Buckets.Names().ShouldNotContain(name => name.EndsWith(tail, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Off")]
    [InlineData("Suspended")]
    public async Task RestoreInPlace_ThatIsBegunAgain_LeavesTheBucketsVersioning(string versioning)
    {
        var bucket = Buckets.Add(NewName("bucket"), versioning: versioning);
        Buckets.Put(bucket.Id, "a", [1]);
        var point = await BackUpAsync(await PlanAsync(bucket.Id));
        Buckets.Replacements[bucket.Id] = new CloudException(ErrorKind.Unavailable, "away", "The object storage is away.");
        await JobAsync($"/v1/recovery-points/{point}/restore", new { inPlace = true });
        (await Buckets.FindAsync("", bucket.Id, CancellationToken.None))!.Versioning.ShouldBe(versioning);
        (await PostAsync($"/v1/recovery-points/{point}/undo-restore")).Status.ShouldBe(System.Net.HttpStatusCode.OK);
        (await Buckets.FindAsync("", bucket.Id, CancellationToken.None))!.Versioning.ShouldBe(versioning);
    }

    [Fact]
    public async Task Verify_FillsABucketThatIsThrownAway_AndCompares()
    {
        var bucket = AddBucket();
        var point = await BackUpAsync(await PlanAsync(bucket.Id, new { verify = true }));
        await Eventually.HoldsAsync(
            async () => (await GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified")
                is { ValueKind: JsonValueKind.Object } found && found.GetProperty("result").GetString() == "restorable",
            "it was tried");
        Buckets.Names().ShouldNotContain(name => name.StartsWith("try-", StringComparison.Ordinal));
    }

    private async Task<StoredBucket> RestoreAsync(string point)
    {
        var job = await JobAsync($"/v1/recovery-points/{point}/restore", new { name = NewName("bucket-again") });
        return (await Buckets.FindAsync("", job.GetProperty("restored").GetString()!, CancellationToken.None))!;
    }

    /// <summary>Versions, a delete marker, an empty object, one of several chunks, and one that only its owner can read.</summary>
    private StoredBucket AddBucket()
    {
        var bucket = Buckets.Add(NewName("bucket"));
        var big = new byte[200_000];
        new Random(3).NextBytes(big);
        Buckets.Put(bucket.Id, "a", [1, 2, 3]);
        Buckets.Put(bucket.Id, "a", [4, 5, 6, 7]);
        Buckets.Put(bucket.Id, "big", big);
        Buckets.Put(bucket.Id, "empty", []);
        Buckets.Put(bucket.Id, "gone", [1]);
        Buckets.Put(bucket.Id, "gone", null);
        return bucket;
    }
}
