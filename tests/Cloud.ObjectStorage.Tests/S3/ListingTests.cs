using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class ListingOnSqliteTests(Storages storages) : ListingTests(storages.OnSqlite);

public sealed class ListingOnPostgresTests(Storages storages) : ListingTests(storages.OnPostgres);

/// <summary>Lists of keys: order, pages, prefixes, delimiters, versions.</summary>
public abstract class ListingTests(ObjectStorageUnderTest storage) : StorageTest(storage)
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

    private async Task<string> FilledAsync()
    {
        var bucket = await NewBucketAsync();
        await Task.WhenAll(Keys.Select(key => PutAsync(bucket, key, "x")));
        return bucket;
    }
}
