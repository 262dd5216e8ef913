using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Cloud.BlockStorage.Tests.Kit;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Tests.Content;

public sealed class ContentTestsOnSqlite(BlockStorages storages) : ContentTests(storages.OnSqlite);

public sealed class ContentTestsOnPostgres(BlockStorages storages) : ContentTests(storages.OnPostgres);

/// <summary>Downloads, uploads and changed blocks.</summary>
public abstract class ContentTests(BlockStorageUnderTest storage) : BlockStorageTest(storage)
{
    private const int SizeBytes = 10 << 20;
    private const int Block = 1 << 16;

    [Fact]
    public async Task Upload_InParts_IsDownloadedWhole_ByRanges_AndWithItsChecksum()
    {
        var bytes = RandomNumberGenerator.GetBytes(SizeBytes);
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        (await PutAsync(volume, bytes[..100], "bytes 0-99/*")).StatusCode.ShouldBe(HttpStatusCode.OK);
        // Sent again after a line that broke, from before the break on.
        using (var rest = await PutAsync(volume, bytes[50..], $"bytes 50-{SizeBytes - 1}/{SizeBytes}", Digest(bytes.AsSpan(50))))
        {
            rest.StatusCode.ShouldBe(HttpStatusCode.OK);
            rest.Headers.GetValues("Content-Digest").ShouldBe([Digest(bytes.AsSpan(50))]);
        }

        (await (await DownloadAsync($"/v1/volumes/{volume}/content")).Content.ReadAsByteArrayAsync(Ct)).ShouldBe(bytes);
        var snapshot = await SnapshotAsync(volume);
        await PutAsync(volume, new byte[SizeBytes], null);

        using var whole = await DownloadAsync(
            $"/v1/snapshots/{snapshot}/content", request => request.Headers.Add("Want-Repr-Digest", "sha-256=9"));
        whole.Content.Headers.ContentLength.ShouldBe(SizeBytes);
        whole.Headers.GetValues("Repr-Digest").ShouldBe([Digest(bytes)]);
        (await whole.Content.ReadAsByteArrayAsync(Ct)).ShouldBe(bytes);
        var tag = whole.Headers.ETag!;

        using var part = await DownloadAsync($"/v1/snapshots/{snapshot}/content", request =>
        {
            request.Headers.Range = new RangeHeaderValue(SizeBytes - 1000, null);
            request.Headers.IfRange = new RangeConditionHeaderValue(tag);
        });
        part.StatusCode.ShouldBe(HttpStatusCode.PartialContent);
        part.Content.Headers.ContentRange!.ToString().ShouldBe($"bytes {SizeBytes - 1000}-{SizeBytes - 1}/{SizeBytes}");
        (await part.Content.ReadAsByteArrayAsync(Ct)).ShouldBe(bytes[^1000..]);
        using var known = await DownloadAsync($"/v1/snapshots/{snapshot}/content", request => request.Headers.IfNoneMatch.Add(tag));
        known.StatusCode.ShouldBe(HttpStatusCode.NotModified);
        using var beyond = await DownloadAsync(
            $"/v1/snapshots/{snapshot}/content", request => request.Headers.Range = new RangeHeaderValue(SizeBytes, null));
        beyond.StatusCode.ShouldBe(HttpStatusCode.RequestedRangeNotSatisfiable);
    }

    [Theory]
    [InlineData("bytes 0-9/5", 10)]
    [InlineData("bytes 10-9/*", 1)]
    [InlineData("bytes 10485760-10485760/*", 1)]
    [InlineData("blocks 0-9/*", 10)]
    [InlineData("bytes 0-9/99999999", 10)]
    [InlineData("bytes */10", 10)]
    [InlineData("bytes 0-9/*", 11)]
    [InlineData("bytes 0-9/*", 9)]
    [InlineData(null, 0)]
    [InlineData(null, SizeBytes + 1)]
    public async Task Upload_OfWhatDoesNotFit_IsRefused(string? range, int count)
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        using var refused = await PutAsync(volume, new byte[count], range);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest, await refused.Content.ReadAsStringAsync(Ct));
    }

    [Fact]
    public async Task Upload_ThatCameOtherwise_OrToAnAttachedVolume_IsRefused()
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        (await PutAsync(volume, new byte[10], null, Digest(new byte[9]))).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await PutAsync(volume, new byte[10], null, "sha-256=nonsense")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        await AttachAsync(volume, AddInstance());
        (await PutAsync(volume, new byte[10], null)).StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await DownloadAsync($"/v1/volumes/{volume}/content")).StatusCode.ShouldBe(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Changes_AreListed_InPages()
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        await PutAsync(volume, [1], $"bytes {3 * Block}-{3 * Block}/*");
        var first = await SnapshotAsync(volume);
        foreach (var at in new[] { 1, 5, 7 })
        {
            await PutAsync(volume, [2], $"bytes {at * Block}-{at * Block}/*");
        }

        var second = await SnapshotAsync(volume);
        (await OffsetsAsync($"/v1/snapshots/{second}/changes")).ShouldBe([1, 3, 5, 7]);
        (await OffsetsAsync($"/v1/snapshots/{second}/changes?since={first}")).ShouldBe([1, 5, 7]);
        (await OffsetsAsync($"/v1/snapshots/{second}/changes?since={first}&limit=1")).ShouldBe([1, 5, 7]);
        ShouldName(await SendAsync(HttpMethod.Get, $"/v1/snapshots/{second}/changes?since=snap-none"), "since");
        ShouldName(await SendAsync(HttpMethod.Get, $"/v1/snapshots/{second}/changes?cursor=bm9uZQ"), "cursor");
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static string Digest(ReadOnlySpan<byte> bytes) => $"sha-256=:{Convert.ToBase64String(SHA256.HashData(bytes))}:";

    /// <summary>Of all pages, in blocks.</summary>
    private async Task<List<long>> OffsetsAsync(string path)
    {
        var offsets = new List<long>();
        string? cursor = null;
        do
        {
            var page = await GetAsync(cursor is null ? path : $"{path}&cursor={cursor}");
            offsets.AddRange(page.GetProperty("items").EnumerateArray().Select(one => one.GetProperty("offset").GetInt64() / Block));
            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);

        return offsets;
    }

    private async Task<HttpResponseMessage> PutAsync(string volume, byte[] bytes, string? range, string? digest = null)
    {
        using var request = Request(HttpMethod.Put, $"/v1/volumes/{volume}/content");
        request.Content = new ByteArrayContent(bytes);
        if (range is not null)
        {
            request.Content.Headers.TryAddWithoutValidation("Content-Range", range);
        }

        if (digest is not null)
        {
            request.Headers.Add("Content-Digest", digest);
        }

        return await Storage.Http.SendAsync(request, Ct);
    }

    private async Task<HttpResponseMessage> DownloadAsync(string path, Action<HttpRequestMessage>? with = null)
    {
        using var request = Request(HttpMethod.Get, path);
        with?.Invoke(request);
        return await Storage.Http.SendAsync(request, Ct);
    }

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Add(HeaderCallers.RoleHeader, Role.Editor.ToString());
        request.Headers.Add(HeaderCallers.ProjectHeader, Project);
        return request;
    }
}
