using System.Net;
using System.Text.Json;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Scrub;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.Scrub;

public sealed class ScrubberOnSqliteTests(Storages storages) : ScrubberTests(storages, null);

[Collection(OnOwnPostgres.Name)]
public sealed class ScrubberOnPostgresTests(Storages storages, OwnPostgres postgres) : ScrubberTests(storages, postgres);

/// <summary>Bytes that rot, and what becomes of them; each on a service of its own, as it reads all that is stored.</summary>
public abstract class ScrubberTests(Storages storages, OwnPostgres? postgres) : IAsyncLifetime
{
    private const int BigBytes = 100_000;

    private readonly ShiftedClock _clock = new();
    private ObjectStorageUnderTest _storage = null!;
    private AmazonS3Client _s3 = null!;

    public async ValueTask InitializeAsync()
    {
        _storage = await ObjectStorageUnderTest.StartAsync(
            storages.NewFolder(), postgres is null ? null : await postgres.EmptyAsync(), _clock, settings: new Dictionary<string, string?>
            {
                ["Cloud:ObjectStorage:ClockSkew"] = "1000.00:00:00",

                // A blob or two a round.
                ["Cloud:ObjectStorage:ScrubBytesPerRound"] = "100000",
            });
        _s3 = _storage.NewClient();
        await _s3.PutBucketAsync("kept");
        await _storage.RecordEventsAsync();
    }

    [Fact]
    public async Task Scrub_OfWhatIsWhole_FindsNothing()
    {
        await PutAsync("empty", 0);
        await PutAsync("small", 100);
        await PutAsync("big", BigBytes);
        await PutAsync("small-sealed", 100, encrypt: true);
        await PutAsync("big-sealed", BigBytes, encrypt: true);
        await PutPartsAsync("parts");
        await ScrubAllAsync();
        var damage = await DamageAsync();
        damage.GetProperty("objects").GetArrayLength().ShouldBe(0);
        damage.GetProperty("scrubbedAt").ValueKind.ShouldBe(JsonValueKind.String);
        (await GetAsync("big-sealed")).ShouldBe(BigBytes);
    }

    [Theory]
    [InlineData(BigBytes, false)]
    [InlineData(BigBytes, true)]
    [InlineData(200, false)]
    [InlineData(200, true)]
    public async Task Scrub_OfARottenObject_SetsItAside_AndSaysSo(int size, bool encrypt)
    {
        await PutAsync("sound", size, encrypt);
        await PutAsync("rotten", size, encrypt);
        await RotAsync("rotten");
        await ScrubAllAsync();

        var found = (await DamageAsync()).GetProperty("objects").EnumerateArray().ShouldHaveSingleItem();
        found.GetProperty("key").GetString().ShouldBe("rotten");
        (await Should.ThrowAsync<AmazonS3Exception>(() => GetAsync("rotten"))).ErrorCode.ShouldBe("InvalidObjectState");
        (await _storage.SendAsync(HttpMethod.Get, "/v1/buckets/kept/objects/rotten")).Status.ShouldBe(HttpStatusCode.Forbidden);
        (await GetAsync("sound")).ShouldBe(size);
        (await _storage.EventsAsync("object.damaged")).Count.ShouldBe(1);

        // Written anew it is whole, and the next pass forgets what was.
        await PutAsync("rotten", size, encrypt);
        (await GetAsync("rotten")).ShouldBe(size);
        (await DamageAsync()).GetProperty("objects").GetArrayLength().ShouldBe(0);
        await ScrubAllAsync();
        await using var after = await _storage.OpenDbAsync();
        (await after.DamagedBlobs.CountAsync()).ShouldBe(0);
        (await after.SmallBlobs.CountAsync(row => row.Blob.StartsWith(DamagedBlob.AsidePrefix))).ShouldBe(0);
        Directory.GetFiles(Path.Combine(_storage.Data, "objects", "damaged")).ShouldBeEmpty();
    }

    [Fact]
    public async Task Scrub_OfARottenPart_NamesThePart()
    {
        await PutPartsAsync("parts");
        await using (var db = await _storage.OpenDbAsync())
        {
            var part = await db.Parts.SingleAsync(row => row.Number == 2);
            File.Delete(_storage.Services.GetRequiredService<BlobStore>().PathOf(part.Blob!));
        }

        await ScrubAllAsync();
        var found = (await DamageAsync()).GetProperty("objects").EnumerateArray().ShouldHaveSingleItem();
        found.GetProperty("part").GetInt32().ShouldBe(2);
        found.GetProperty("reason").GetString().ShouldBe("its file is missing");
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _s3.Dispose();
        await _storage.DisposeAsync();
    }

    private Task<PutObjectResponse> PutAsync(string key, int size, bool encrypt = false) => _s3.PutObjectAsync(new PutObjectRequest
    {
        BucketName = "kept",
        Key = key,
        InputStream = new MemoryStream(new byte[size]),
        ServerSideEncryptionMethod = encrypt ? ServerSideEncryptionMethod.AES256 : null,
    });

    private async Task PutPartsAsync(string key)
    {
        var upload = (await _s3.InitiateMultipartUploadAsync("kept", key)).UploadId;
        var parts = new List<PartETag>();
        foreach (var (number, size) in new[] { (1, 5 << 20), (2, 10) })
        {
            var part = await _s3.UploadPartAsync(new UploadPartRequest
            {
                BucketName = "kept",
                Key = key,
                UploadId = upload,
                PartNumber = number,
                InputStream = new MemoryStream(new byte[size]),
            });
            parts.Add(new PartETag(part));
        }

        await _s3.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest { BucketName = "kept", Key = key, UploadId = upload, PartETags = parts });
    }

    private async Task<long> GetAsync(string key)
    {
        using var answer = await _s3.GetObjectAsync("kept", key);
        using var bytes = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(bytes);
        return bytes.Length;
    }

    /// <summary>Turns a bit of what is stored.</summary>
    private async Task RotAsync(string key)
    {
        await using var db = await _storage.OpenDbAsync();
        var blob = (await db.Objects.SingleAsync(row => row.Key == key)).Blob!;
        if (await db.SmallBlobs.AsNoTracking().SingleOrDefaultAsync(row => row.Blob == blob) is { } small)
        {
            small.Bytes[^20] ^= 1;
            await db.SmallBlobs.Where(row => row.Blob == blob).ExecuteUpdateAsync(set => set.SetProperty(row => row.Bytes, small.Bytes));
            return;
        }

        var path = _storage.Services.GetRequiredService<BlobStore>().PathOf(blob);
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^20] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
    }

    private async Task ScrubAllAsync()
    {
        await using var scope = _storage.Services.CreateAsyncScope();
        _clock.Advance(TimeSpan.FromDays(2));
        var scrubber = ActivatorUtilities.CreateInstance<Scrubber>(scope.ServiceProvider);
        for (var round = 0; round < 100; round++)
        {
            await scrubber.ReconcileAsync(default);
            await using var db = await _storage.OpenDbAsync();
            if ((await db.ScrubPositions.AsNoTracking().SingleAsync()).StartedAt == 0)
            {
                return;
            }
        }

        throw new InvalidOperationException("The pass does not end.");
    }

    private async Task<JsonElement> DamageAsync() => (await _storage.SendAsync(HttpMethod.Get, "/v1/buckets/kept/damage")).Body;
}
