using System.Globalization;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class ListingOnSqliteTests(Storages storages, ITestOutputHelper output) : ListingTests(storages.OnSqlite, output);

public sealed class ListingOnPostgresTests(Storages storages, ITestOutputHelper output) : ListingTests(storages.OnPostgres, output);

/// <summary>Lists of keys: order, pages, prefixes, delimiters, versions.</summary>
public abstract class ListingTests(ObjectStorageUnderTest storage, ITestOutputHelper output) : StorageTest(storage)
{
    private static readonly string[] Keys =
        ["a", "a/1", "a/2", "a b", "a+b", "b", "b/x/1", "b/x/2", "b/y", "Z", "é", "日本", "\U0001F600", "￦", "z"];

    /// <summary>By UTF-8, where .NET's own order would put the surrogates first.</summary>
    private static readonly string[] Ordered =
        [.. Keys.OrderBy(key => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(key)), StringComparer.Ordinal)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(1000)]
    public async Task List_InPagesOfAnySize_GivesEveryKeyOnceInByteOrder(int size)
    {
        var bucket = await FilledAsync();
        var second = new List<string>();
        var request = new ListObjectsV2Request { BucketName = bucket, MaxKeys = size };
        ListObjectsV2Response page;
        do
        {
            page = await S3.ListObjectsV2Async(request);
            second.AddRange((page.S3Objects ?? []).Select(one => one.Key));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        second.ShouldBe(Ordered);

        var first = new List<string>();
        var older = new ListObjectsRequest { BucketName = bucket, MaxKeys = size };
        ListObjectsResponse olderPage;
        do
        {
            olderPage = await S3.ListObjectsAsync(older);
            first.AddRange((olderPage.S3Objects ?? []).Select(one => one.Key));
            older.Marker = olderPage.NextMarker;
        }
        while (olderPage.IsTruncated == true);
        first.ShouldBe(Ordered);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task List_WithADelimiter_RollsUpAndGoesOnAfterAPrefix(int size)
    {
        var bucket = await FilledAsync();
        var seen = new List<string>();
        var request = new ListObjectsV2Request { BucketName = bucket, MaxKeys = size, Delimiter = "/" };
        ListObjectsV2Response page;
        do
        {
            page = await S3.ListObjectsV2Async(request);
            (page.KeyCount ?? 0).ShouldBeLessThanOrEqualTo(size);
            seen.AddRange((page.S3Objects ?? []).Select(one => one.Key).Concat(page.CommonPrefixes ?? []));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        seen.ShouldBe(["Z", "a", "a b", "a+b", "b", "z", "é", "日本", "￦", "\U0001F600", "a/", "b/"], ignoreOrder: true);

        var inner = await S3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket, Prefix = "b/", Delimiter = "/" });
        inner.CommonPrefixes.ShouldBe(["b/x/"]);
        inner.S3Objects.Select(one => one.Key).ShouldBe(["b/y"]);
    }

    [Fact]
    public async Task List_StartAfter_And_Prefix_Bound()
    {
        var bucket = await FilledAsync();
        var after = await S3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket, StartAfter = "b" });
        after.S3Objects.Select(one => one.Key).ShouldBe(Ordered.SkipWhile(key => key != "b").Skip(1));
        var none = await S3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket, Prefix = "nothing" });
        (none.S3Objects?.Count ?? 0).ShouldBe(0);
    }

    [Fact]
    public async Task Versions_ArePagedNewestFirst_AndDeleteMarkersShow()
    {
        var bucket = await NewBucketAsync(versioning: true);
        foreach (var text in new[] { "1", "2", "3" })
        {
            await PutAsync(bucket, "a", text);
            await PutAsync(bucket, "b", text);
        }

        await S3.DeleteObjectAsync(bucket, "a");
        var seen = new List<S3ObjectVersion>();
        var request = new ListVersionsRequest { BucketName = bucket, MaxKeys = 2 };
        ListVersionsResponse page;
        do
        {
            page = await S3.ListVersionsAsync(request);
            seen.AddRange(page.Versions ?? []);
            (request.KeyMarker, request.VersionIdMarker) = (page.NextKeyMarker, page.NextVersionIdMarker);
        }
        while (page.IsTruncated == true);
        seen.Select(version => version.Key).ShouldBe(["a", "a", "a", "a", "b", "b", "b"]);
        seen[0].IsDeleteMarker.ShouldBe(true);
        seen.Where(version => version.IsLatest == true).Select(version => version.Key).ShouldBe(["a", "b"]);
        seen.Select(version => version.VersionId).Distinct().Count().ShouldBe(7);
        (await GetAsync(bucket, "b", seen[^1].VersionId)).ShouldBe("1");
    }

    /// <summary>Of 20,000 keys, or as <c>CLOUD_TEST_ROUNDS</c> says: 50 for a million. How long the pages took is told.</summary>
    [Fact]
    public async Task List_TheFirstPageOfABigBucket_ReadsWhatThatOfASmallOneDoes()
    {
        var rounds = int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);
        var few = await FilledWithAsync(1000);
        var many = await FilledWithAsync(20_000 * rounds);
        foreach (var (prefix, delimiter) in new[] { ("", ""), ("a/key-000", ""), ("", "/"), ("b/", "/") })
        {
            (await RowsAsync(many.Id, 1000)).ShouldBeLessThanOrEqualTo(1001);
            (await RowsAsync(many.Id, 500)).ShouldBeLessThanOrEqualTo(await RowsAsync(few.Id, 500) + 1);
            var ratio = await SecondsAsync(many.Name) / await SecondsAsync(few.Name);
            output.WriteLine($"prefix '{prefix}', delimiter '{delimiter}': {ratio:F2} times the time");

            async Task<int> RowsAsync(string bucket, int max) => (await Storage.ReadAsync(session => Listing.CurrentAsync(
                session, new ListingQuery(bucket, prefix, delimiter, "", null, max), default))).RowsRead;

            async Task<double> SecondsAsync(string bucket)
            {
                var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix, Delimiter = delimiter };
                await S3.ListObjectsV2Async(request);
                var times = new List<double>();
                for (var at = 0; at < 9; at++)
                {
                    var began = TimeProvider.System.GetTimestamp();
                    await S3.ListObjectsV2Async(request);
                    times.Add(TimeProvider.System.GetElapsedTime(began).TotalSeconds);
                }

                return times.Order().ElementAt(times.Count / 2);
            }
        }
    }

    [Fact]
    public async Task List_OfManyKeysUnderAPrefix_ReadsFewRows()
    {
        var (name, id) = await FilledWithAsync(300);
        await PutAsync(name, "c", "after");
        var query = new ListingQuery(id, "", "/", "", null, 1000);
        var page = await Storage.ReadAsync(session => Listing.CurrentAsync(session, query, default));
        page.CommonPrefixes.ShouldBe(["a/", "b/"]);
        page.Versions.Select(version => version.Key).ShouldBe(["c"]);
        page.RowsRead.ShouldBeLessThan(40);
    }

    /// <summary>A bucket with rows as if so many keys had been put, half of them in each of two folders.</summary>
    private async Task<(string Name, string Id)> FilledWithAsync(int keys)
    {
        var name = await NewBucketAsync();
        await using var db = await Storage.OpenDbAsync();
        var id = (await db.Buckets.AsNoTracking().SingleAsync(bucket => bucket.Name == name)).Id.Value;
        await db.Database.ExecuteSqlAsync(
            $"""
            WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {keys})
            INSERT INTO "Objects" ("Bucket", "Key", "Rank", "VersionId", "IsLatest", "IsDeleteMarker", "SizeBytes", "ETag", "ModifiedAt",
                "Owner", "Attributes", "Retention", "RetainUntil", "LegalHold")
            SELECT {id}, substr('ab', n % 2 + 1, 1) || '/key-' || substr(CAST(10000000 + n AS TEXT), 2), -n, 'null', TRUE, FALSE, 0, '', 0,
                'prj-one', '', 1, 0, FALSE
            FROM numbers
            """);
        return (name, id);
    }

    private async Task<string> FilledAsync()
    {
        var bucket = await NewBucketAsync();
        await Task.WhenAll(Keys.Select(key => PutAsync(bucket, key, "x")));
        return bucket;
    }
}
