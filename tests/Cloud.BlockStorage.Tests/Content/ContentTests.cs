using System.Diagnostics;
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

    [Fact]
    public async Task Download_AsQcow2_IsAFileThatQemuReads_AndAnyPartOfItIsThatPart()
    {
        var bytes = new byte[SizeBytes];
        RandomNumberGenerator.Fill(bytes.AsSpan(Block, 3 * Block));
        RandomNumberGenerator.Fill(bytes.AsSpan(90 * Block, Block));
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        await PutAsync(volume, bytes, null);
        var path = $"/v1/snapshots/{await SnapshotAsync(volume)}/content?format=qcow2";
        using var whole = await DownloadAsync(path, request => request.Headers.Add("Want-Repr-Digest", "sha-256=9"));
        var file = await whole.Content.ReadAsByteArrayAsync(Ct);
        file.Length.ShouldBe(9 * Block);
        whole.Headers.GetValues("Repr-Digest").ShouldBe([Digest(file)]);
        using var part = await DownloadAsync(path, request => request.Headers.Range = new RangeHeaderValue(70_000, 400_000));
        (await part.Content.ReadAsByteArrayAsync(Ct)).ShouldBe(file[70_000..400_001]);

        var folder = Directory.CreateTempSubdirectory("cloud-qcow2-").FullName;
        try
        {
            var (qcow2, raw) = (Path.Combine(folder, "disk.qcow2"), Path.Combine(folder, "disk.raw"));
            await File.WriteAllBytesAsync(qcow2, file, Ct);
            await QemuImgAsync("check", "-q", "-f", "qcow2", qcow2);
            await QemuImgAsync("convert", "-q", "-f", "qcow2", "-O", "raw", qcow2, raw);
            (await File.ReadAllBytesAsync(raw, Ct)).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        using var other = await DownloadAsync(path.Replace("qcow2", "vmdk", StringComparison.Ordinal));
        other.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Upload_OfQcow2_IsTakenWhenItsLastPartHasCome()
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        var file = RandomNumberGenerator.GetBytes(1000);
        (await PutAsync(volume, file[..600], "bytes 0-599/1000", null, "?format=qcow2")).StatusCode.ShouldBe(HttpStatusCode.Accepted);
        (await PutAsync(volume, file[..1], "bytes 0-0/*", null, "?format=qcow2")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        using var last = await PutAsync(volume, file[600..], "bytes 600-999/1000", Digest(file.AsSpan(600)), "?format=qcow2");
        last.StatusCode.ShouldBe(HttpStatusCode.OK);
        Hosts.Staged[volume].ShouldBe(file);
        Hosts.Imports.ShouldContain((volume, 1000));
    }

    [Fact]
    public async Task Image_IsMadeOfASnapshot_OrOfAVolumeThatNoInstanceHas()
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        var snapshot = await SnapshotAsync(volume);
        foreach (var (path, source) in new[] { ($"/v1/volumes/{volume}", volume), ($"/v1/snapshots/{snapshot}", snapshot) })
        {
            var name = NewName("image");
            var (status, made) = await PostAsync($"{path}/to-image", new { name, architecture = "riscv64", guestAgent = true });
            status.ShouldBe(HttpStatusCode.Accepted, made.ToString());
            IdOf(made).ShouldBe($"img-{name}");
            Hosts.Images.ShouldContain(image => image.Source == source && image.Name == name && image.Architecture == "riscv64"
                && image.GuestAgent && image.Project == Project);
        }

        await AttachAsync(volume, AddInstance());
        var held = await PostAsync($"/v1/volumes/{volume}/to-image", new { name = "held" });
        RefusalOf(held, HttpStatusCode.Conflict).ShouldBe("volume-in-use");
    }

    [Fact]
    public async Task Metrics_AreTheHosts_WithCountersWhileAnInstanceHasTheVolume()
    {
        var volume = await CreateAsync(new { name = NewName("vol"), sizeBytes = SizeBytes });
        (await GetAsync($"/v1/volumes/{volume}/metrics")).GetProperty("disk").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        await AttachAsync(volume, AddInstance());
        var metrics = await GetAsync($"/v1/volumes/{volume}/metrics");
        metrics.GetProperty("storedBytes").GetInt64().ShouldBe(SizeBytes / 2);
        metrics.GetProperty("disk").GetProperty("writeSeconds").GetDouble().ShouldBe(6);
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

    private async Task<HttpResponseMessage> PutAsync(
        string volume, byte[] bytes, string? range, string? digest = null, string query = "")
    {
        using var request = Request(HttpMethod.Put, $"/v1/volumes/{volume}/content{query}");
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

    private static async Task QemuImgAsync(params string[] arguments)
    {
        using var program = Process.Start("qemu-img", arguments);
        await program.WaitForExitAsync(Ct);
        program.ExitCode.ShouldBe(0, string.Join(' ', arguments));
    }

    private HttpRequestMessage Request(HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, path);
        request.Headers.Add(HeaderCallers.RoleHeader, Role.Editor.ToString());
        request.Headers.Add(HeaderCallers.ProjectHeader, Project);
        return request;
    }
}
