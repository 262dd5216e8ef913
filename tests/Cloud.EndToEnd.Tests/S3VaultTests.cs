using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Cloud.EndToEnd.Tests;

/// <summary>A vault in a bucket of an S3 endpoint, here the cloud's own, whose owner can write to the bucket as he likes.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class S3VaultTests(LocalCloud cloud)
{
    private const string Bucket = "off-site";
    private const string Prefix = "backups/";
    private const long SizeBytes = 16 << 20;

    [Fact]
    public async Task Vault_OfAnyEndpoint_RestoresWhatWasBackedUp_AndNothingElse()
    {
        await cloud.PostAsync("/v1/buckets", new { name = Bucket });
        using var s3 = new AmazonS3Client(
            new BasicAWSCredentials(cloud.Credentials["AWS_ACCESS_KEY_ID"], cloud.Credentials["AWS_SECRET_ACCESS_KEY"]),
            new AmazonS3Config { ServiceURL = cloud.S3Url.ToString(), ForcePathStyle = true, AuthenticationRegion = "us-east-1" });
        var (refused, problem) = await cloud.SendAsync(HttpMethod.Post, "/v1/vaults", VaultOf("not-the-secret"));
        refused.ShouldBe(HttpStatusCode.Conflict);
        problem!.Value.GetProperty("code").GetString().ShouldBe("vault-refused");
        var vault = (await cloud.PostAsync("/v1/vaults", VaultOf(cloud.Credentials["AWS_SECRET_ACCESS_KEY"])))
            .GetProperty("id").GetString();
        var volume = await BackedUpVolume.CreateAsync(cloud, "off-site", SizeBytes);
        var first = await volume.WriteAsync(1 << 20, RandomNumberGenerator.GetBytes(4 << 20));
        var plan = (await cloud.PostAsync(
            "/v1/backup-plans", new { name = "off-site", vault = "off-site", schedule = "0 3 * * *", resources = new[] { volume.Id } }))
            .GetProperty("id").GetString()!;
        var one = await RunAsync(plan);
        var second = await volume.WriteAsync(9 << 20, RandomNumberGenerator.GetBytes(100_000));
        var two = await RunAsync(plan);
        foreach (var (point, digest) in new[] { (one, first), (two, second) })
        {
            var view = await cloud.GetAsync($"/v1/recovery-points/{point}");
            view.GetProperty("verified").GetProperty("result").GetString().ShouldBe("restorable", view.ToString());
            await BackedUpVolume.RequireRestoresAsync(cloud, point, digest);
        }

        await ForgedPointAsync(s3, one, two);
        await ForgedPackAsync(s3, plan, vault!, two, second);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/backup-plans/{plan}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/vaults/{vault}")).Status.ShouldBe(HttpStatusCode.Accepted);
        await UntilAsync(async () => (await KeysAsync(s3)).Count == 0, "nothing of the vault is left");
        await cloud.DeleteVolumeAsync(volume.Id);
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/buckets/{Bucket}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }

    private object VaultOf(string secretAccessKey) => new
    {
        name = "off-site",
        s3 = new
        {
            endpoint = cloud.S3Url.ToString().TrimEnd('/'),
            bucket = Bucket,
            prefix = Prefix,
            accessKeyId = cloud.Credentials["AWS_ACCESS_KEY_ID"],
            secretAccessKey,
        },
    };

    /// <summary>A point's object in the place of another's: that is not restored, whoever put it there.</summary>
    private async Task ForgedPointAsync(AmazonS3Client s3, string one, string two)
    {
        var own = await ReadAsync(s3, $"points/{two}");
        await WriteAsync(s3, $"points/{two}", await ReadAsync(s3, $"points/{one}"));
        var job = await cloud.PostAsync($"/v1/recovery-points/{two}/restore?wait=60", new { name = "never" }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("failed", job.ToString());
        (await cloud.GetAsync("/v1/volumes?name=never")).GetProperty("items").GetArrayLength().ShouldBe(0);
        await WriteAsync(s3, $"points/{two}", own);
    }

    /// <summary>A bit of a pack that is another: found, named, refused, and healed by the next backup.</summary>
    private async Task ForgedPackAsync(AmazonS3Client s3, string plan, string vault, string point, string digest)
    {
        var pack = (await KeysAsync(s3)).Where(key => key.StartsWith("packs/", StringComparison.Ordinal)).First();
        var bytes = await ReadAsync(s3, pack);
        bytes[bytes.Length / 2] ^= 1;
        await WriteAsync(s3, pack, bytes);
        var job = await cloud.PostAsync($"/v1/vaults/{vault}/verify?wait=60", null, HttpStatusCode.OK);
        job.GetProperty("statusReason").GetString()!.ShouldContain(pack[(pack.LastIndexOf('/') + 1)..]);
        (await cloud.GetAsync($"/v1/recovery-points/{point}")).GetProperty("status").GetString().ShouldBe("damaged");
        (await cloud.SendAsync(HttpMethod.Post, $"/v1/recovery-points/{point}/restore", new { name = "never" })).Status
            .ShouldBe(HttpStatusCode.Conflict);
        var healing = await cloud.PostAsync($"/v1/backup-plans/{plan}/run?wait=60", null, HttpStatusCode.OK);
        healing.GetProperty("items")[0].GetProperty("status").GetString().ShouldBe("succeeded", healing.ToString());
        await BackedUpVolume.RequireRestoresAsync(cloud, point, digest);
    }

    private async Task<string> RunAsync(string plan) =>
        (await BackedUpVolume.RunAsync(cloud, plan)).GetProperty("recoveryPoint").GetString()!;

    private static async Task<IReadOnlyList<string>> KeysAsync(AmazonS3Client s3) =>
        [.. ((await s3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = Bucket, Prefix = Prefix })).S3Objects ?? [])
            .Select(one => one.Key[Prefix.Length..])];

    private static async Task<byte[]> ReadAsync(AmazonS3Client s3, string name)
    {
        using var answer = await s3.GetObjectAsync(Bucket, Prefix + name);
        using var bytes = new MemoryStream();
        await answer.ResponseStream.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    private static async Task WriteAsync(AmazonS3Client s3, string name, byte[] bytes) => await s3.PutObjectAsync(
        new PutObjectRequest { BucketName = Bucket, Key = Prefix + name, InputStream = new MemoryStream(bytes) });

    private static async Task UntilAsync(Func<Task<bool>> holds, string what)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await holds())
        {
            limit.IsCancellationRequested.ShouldBeFalse(what);
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }
}
