using System.Diagnostics;
using System.Globalization;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.Blobs;

/// <summary>A small disk that is filled: the refusals are clean, what was acknowledged is there, and deleting makes room again.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int DiskMebibytes = 48;
    private const int RefusalsWanted = 8;
    private const int FirstPartBytes = 5 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-full-disk-").FullName;

    public FullDiskTests() => AsRoot("mount", "-t", "tmpfs", "-o", $"size={DiskMebibytes}m,mode=0777", "cloud-full-disk", _folder);

    [Fact]
    public async Task FullDisk_RefusesCleanly_KeepsWhatItTook_AndDeletingMakesRoom()
    {
        await using var storage = await ObjectStorageUnderTest.StartAsync(
            _folder, settings: new Dictionary<string, string?>
            {
                ["Cloud:ObjectStorage:DiskReserveBytes"] = (8L << 20).ToString(CultureInfo.InvariantCulture),
            });
        using var s3 = storage.NewClient();
        await s3.PutBucketAsync("full");
        var kept = await FillAsync(s3);
        kept.Count.ShouldBeGreaterThan(10);
        kept.Values.ShouldContain(size => size > FirstPartBytes);
        await VerifyAsync(storage, s3, kept);

        // All but two go, one by one and several at once.
        foreach (var key in kept.Keys.Skip(2).Where((_, at) => at % 2 == 0).ToList())
        {
            await s3.DeleteObjectAsync("full", key);
            kept.Remove(key);
        }

        var rest = kept.Keys.Skip(2).Select(key => new KeyVersion { Key = key }).ToList();
        await s3.DeleteObjectsAsync(new DeleteObjectsRequest { BucketName = "full", Objects = rest });
        rest.ForEach(one => kept.Remove(one.Key));
        await using (var scope = storage.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<BlobSweeper>().ReconcileAsync(default);
        }

        await Task.Delay(TimeSpan.FromMilliseconds(300));
        await PutAsync(s3, "after", 1 << 20);
        kept["after"] = 1 << 20;
        await VerifyAsync(storage, s3, kept);
    }

    [Fact]
    public async Task DiskFilledByOthers_RefusesCleanly_AndKeepsWhatItTook()
    {
        await using var storage = await ObjectStorageUnderTest.StartAsync(
            _folder, settings: new Dictionary<string, string?> { ["Cloud:ObjectStorage:DiskReserveBytes"] = "0" });
        using var s3 = storage.NewClient();
        await s3.PutBucketAsync("full");
        var kept = await FillAsync(s3);
        kept.Count.ShouldBeGreaterThan(10);
        kept.Values.ShouldContain(size => size > FirstPartBytes);
        await VerifyAsync(storage, s3, kept);
    }

    public void Dispose()
    {
        AsRoot("umount", "-l", _folder);
        Directory.Delete(_folder);
    }

    /// <summary>Puts small and large objects, and uploads some in parts, until it is refused, again and again.</summary>
    private static async Task<Dictionary<string, int>> FillAsync(AmazonS3Client s3)
    {
        var kept = new Dictionary<string, int>();
        var refused = 0;
        for (var at = 0; refused < RefusalsWanted; at++)
        {
            var size = (at % 4) switch { 0 => 4 << 10, 1 => 100_000, 2 => 1 << 20, _ => FirstPartBytes + 1000 };
            try
            {
                await (size > FirstPartBytes ? UploadAsync(s3, $"key-{at:d4}", size) : PutAsync(s3, $"key-{at:d4}", size));
                kept.Add($"key-{at:d4}", size);
            }
            catch (AmazonS3Exception full)
            {
                ((int)full.StatusCode, full.ErrorCode).ShouldBe((507, "InsufficientCapacity"));
                refused++;
            }
        }

        return kept;
    }

    private static Task<PutObjectResponse> PutAsync(AmazonS3Client s3, string key, int size) => s3.PutObjectAsync(
        new PutObjectRequest { BucketName = "full", Key = key, InputStream = new MemoryStream(BytesOf(key, size)) });

    /// <summary>In two parts; one that is refused on its way is aborted.</summary>
    private static async Task UploadAsync(AmazonS3Client s3, string key, int size)
    {
        var bytes = BytesOf(key, size);
        var upload = (await s3.InitiateMultipartUploadAsync("full", key)).UploadId;
        try
        {
            var parts = new List<PartETag>();
            foreach (var part in new[] { bytes[..FirstPartBytes], bytes[FirstPartBytes..] })
            {
                parts.Add(new PartETag(await s3.UploadPartAsync(new UploadPartRequest
                {
                    BucketName = "full",
                    Key = key,
                    UploadId = upload,
                    PartNumber = parts.Count + 1,
                    InputStream = new MemoryStream(part),
                })));
            }

            await s3.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest { BucketName = "full", Key = key, UploadId = upload, PartETags = parts });
        }
        catch (AmazonS3Exception)
        {
            await s3.AbortMultipartUploadAsync("full", key, upload);
            throw;
        }
    }

    private static async Task VerifyAsync(ObjectStorageUnderTest storage, AmazonS3Client s3, Dictionary<string, int> kept)
    {
        var listed = (await s3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "full" })).S3Objects;
        listed.Select(one => one.Key).ShouldBe(kept.Keys.Order(StringComparer.Ordinal));
        foreach (var (key, size) in kept)
        {
            using var answer = await s3.GetObjectAsync("full", key);
            var bytes = new MemoryStream();
            await answer.ResponseStream.CopyToAsync(bytes);
            bytes.ToArray().SequenceEqual(BytesOf(key, size)).ShouldBeTrue(key);
        }

        await using var db = await storage.OpenDbAsync();
        var usage = db.Usage.Single();
        (usage.Objects, usage.SizeBytes).ShouldBe((kept.Count, kept.Values.Sum(size => (long)size)));
    }

    private static byte[] BytesOf(string key, int size)
    {
        var bytes = new byte[size];
        new Random(key.Sum(c => c)).NextBytes(bytes);
        return bytes;
    }

    private static void AsRoot(params string[] command)
    {
        using var process = Environment.IsPrivilegedProcess
            ? Process.Start(command[0], command[1..])
            : Process.Start("sudo", ["-n", .. command]);
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, string.Join(' ', command));
    }
}
