using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.Index;

public sealed class IndexWriterOnSqliteTests(Storages storages) : IndexWriterTests(storages.OnSqlite);

public sealed class IndexWriterOnPostgresTests(Storages storages) : IndexWriterTests(storages.OnPostgres);

/// <summary>Many writes in one transaction.</summary>
public abstract class IndexWriterTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    private IndexWriter Writer => Storage.Services.GetRequiredService<IndexWriter>();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Put_CarriedOutTwice_IsDoneOnce_AndKeepsItsBytes(bool versioning)
    {
        var bucket = await NewBucketAsync(versioning);
        await PutAsync(bucket, "key", "text");
        var id = await IdAsync(bucket);
        var latest = (await Storage.ReadAsync(session => session.LatestAsync(id, "key", default)))!;

        // What a writer does whose commit took effect although the connection broke.
        var again = await Writer.WriteAsync(
            index => index.PutAsync(new NewObject
            {
                Bucket = id,
                Key = "key",
                SizeBytes = latest.SizeBytes,
                ETag = latest.ETag,
                Blob = latest.Blob,
                Owner = latest.Owner,
                Attributes = latest.Attributes,
            }),
            default);
        again.VersionId.ShouldBe(latest.VersionId);
        (await Storage.ReadAsync(session => session.ScalarAsync<long>(
            """SELECT COUNT(*) FROM "DeadBlobs" WHERE "Blob" = @p0""", default, latest.Blob))).ShouldBe(0);
        (await GetAsync(bucket, "key")).ShouldBe("text");
    }

    [Fact]
    public async Task Writes_ThatAreRefusedOrFail_DoNotHarmThoseBesideThem()
    {
        var bucket = await NewBucketAsync();
        var id = await IdAsync(bucket);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 60).Select(async at =>
        {
            try
            {
                await Writer.WriteAsync(
                    async index =>
                    {
                        if (at % 3 == 1)
                        {
                            throw S3Error.PreconditionFailed.With();
                        }

                        var made = await index.PutAsync(new NewObject
                        {
                            Bucket = id,
                            Key = $"key-{at:d2}",
                            SizeBytes = at,
                            ETag = "e",
                            Owner = "prj-one",
                            Attributes = "",
                        });

                        // After it has written: all of its transaction must go.
                        return at % 3 == 2 ? throw new InvalidOperationException("broken") : made;
                    },
                    default);
                return "done";
            }
            catch (Exception failed)
            {
                return failed.GetType().Name;
            }
        }));
        outcomes.Count(outcome => outcome == "done").ShouldBe(20);
        outcomes.Count(outcome => outcome == nameof(S3Exception)).ShouldBe(20);
        outcomes.Count(outcome => outcome == nameof(InvalidOperationException)).ShouldBe(20);
        await using var db = await Storage.OpenDbAsync();
        db.Objects.Count(row => row.Bucket == id).ShouldBe(20);
        db.Usage.Single(row => row.Bucket == id).Objects.ShouldBe(20);
    }

    private async Task<string> IdAsync(string bucket)
    {
        await using var db = await Storage.OpenDbAsync();
        return db.Buckets.Single(row => row.Name == bucket).Id.Value;
    }
}
