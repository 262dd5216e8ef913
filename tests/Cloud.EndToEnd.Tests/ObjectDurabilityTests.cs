using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// The cloud is killed while many put, upload in parts and delete, by S3 and by REST: what was acknowledged is there, whole; what was not
/// is there whole or not at all; and what buckets are said to hold is the sum of what is in them. <c>CLOUD_TEST_ROUNDS=5</c> makes a
/// thousand writes of it.
/// </summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class ObjectDurabilityTests(LocalCloud cloud)
{
    private const string Bucket = "durable";
    private const int Clients = 8;
    private const int KeysPerClient = 12;
    private const int WritesPerRound = 200;
    private const int FirstPartBytes = 5 << 20;

    private static int Rounds => int.Parse(
        Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Kill_WhileManyWrite_LosesNothingThatWasAcknowledged()
    {
        await cloud.PostAsync("/v1/buckets", new { name = Bucket });
        using var s3 = new AmazonS3Client(
            new BasicAWSCredentials(cloud.Credentials["AWS_ACCESS_KEY_ID"], cloud.Credentials["AWS_SECRET_ACCESS_KEY"]),
            new AmazonS3Config
            {
                ServiceURL = cloud.S3Url.ToString(),
                ForcePathStyle = true,
                AuthenticationRegion = "us-east-1",
                MaxErrorRetry = 0,
            });

        // By key: what it held when last acknowledged, and what was asked for since.
        var known = new ConcurrentDictionary<string, Expected>();
        for (var round = 0; round < Rounds; round++)
        {
            using var stop = new CancellationTokenSource();
            var acknowledged = 0;
            var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                for (var at = client; !stop.IsCancellationRequested; at++)
                {
                    var key = $"client-{client}/key-{at % KeysPerClient}";
                    var write = new Write(at, new Random(HashCode.Combine(round, client, at)));
                    var expected = known.GetOrAdd(key, _ => new Expected());
                    expected.Asked.Add(write.Digest);
                    if (!await IsAcknowledgedAsync(s3, key, write, overRest: client % 2 == 1))
                    {
                        return;
                    }

                    expected.Acknowledge(write.Digest);
                    Interlocked.Increment(ref acknowledged);
                }
            })).ToList();
            using (var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2)))
            {
                while (Volatile.Read(ref acknowledged) < WritesPerRound)
                {
                    clients.ForEach(client => client.IsFaulted.ShouldBeFalse($"{client.Exception}"));
                    await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
                }
            }

            await cloud.KillAsync("cloud");
            await stop.CancelAsync();
            await Task.WhenAll(clients);
            await cloud.UpAsync();
            await VerifyAsync(known);
        }
    }

    private async Task VerifyAsync(ConcurrentDictionary<string, Expected> known)
    {
        var sizes = new Dictionary<string, long>();
        string? cursor = null;
        do
        {
            var page = await cloud.GetAsync($"/v1/buckets/{Bucket}/objects?limit=1000{(cursor is null ? "" : $"&cursor={cursor}")}");
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                sizes.Add(item.GetProperty("key").GetString()!, item.GetProperty("sizeBytes").GetInt64());
            }

            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);
        foreach (var (key, expected) in known)
        {
            using var answer = await cloud.Http.GetAsync(PathOf(key), HttpCompletionOption.ResponseHeadersRead);
            var digest = Write.None;
            if (answer.StatusCode != HttpStatusCode.NotFound)
            {
                answer.StatusCode.ShouldBe(HttpStatusCode.OK, key);
                await using var bytes = await answer.Content.ReadAsStreamAsync();
                digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(bytes));
            }

            expected.Asked.ShouldContain(digest, $"{key} holds what nobody wrote since it was acknowledged");
            (digest != Write.None).ShouldBe(sizes.ContainsKey(key), key);
            expected.Acknowledge(digest);
        }

        var view = await cloud.GetAsync($"/v1/buckets/{Bucket}");
        view.GetProperty("objectCount").GetInt64().ShouldBe(sizes.Count);
        view.GetProperty("sizeBytes").GetInt64().ShouldBe(sizes.Values.Sum());
    }

    /// <returns>False where no answer came.</returns>
    private async Task<bool> IsAcknowledgedAsync(AmazonS3Client s3, string key, Write write, bool overRest)
    {
        try
        {
            if (write.LastPart is not null)
            {
                await UploadAsync(s3, key, write.Bytes!, write.LastPart);
            }
            else if (overRest)
            {
                using var request = new HttpRequestMessage(write.Bytes is null ? HttpMethod.Delete : HttpMethod.Put, PathOf(key));
                request.Content = write.Bytes is null ? null : new ByteArrayContent(write.Bytes);
                using var answer = await cloud.Http.SendAsync(request);
                answer.IsSuccessStatusCode.ShouldBeTrue($"{answer.StatusCode}");
            }
            else if (write.Bytes is null)
            {
                await s3.DeleteObjectAsync(Bucket, key);
            }
            else
            {
                await s3.PutObjectAsync(
                    new PutObjectRequest { BucketName = Bucket, Key = key, InputStream = new MemoryStream(write.Bytes) });
            }

            return true;
        }
        catch (Exception gone) when (gone is HttpRequestException or IOException or AmazonServiceException { StatusCode: 0 })
        {
            return false;
        }
    }

    private static async Task UploadAsync(AmazonS3Client s3, string key, params byte[][] parts)
    {
        var upload = (await s3.InitiateMultipartUploadAsync(Bucket, key)).UploadId;
        var done = new List<PartETag>();
        for (var number = 1; number <= parts.Length; number++)
        {
            done.Add(new PartETag(await s3.UploadPartAsync(new UploadPartRequest
            {
                BucketName = Bucket,
                Key = key,
                UploadId = upload,
                PartNumber = number,
                InputStream = new MemoryStream(parts[number - 1]),
            })));
        }

        await s3.CompleteMultipartUploadAsync(
            new CompleteMultipartUploadRequest { BucketName = Bucket, Key = key, UploadId = upload, PartETags = done });
    }

    private static string PathOf(string key) => $"/v1/buckets/{Bucket}/objects/{key}";

    /// <summary>Of ten writes six put, small or large, two upload in parts and two delete.</summary>
    private sealed class Write
    {
        /// <summary>What there is of a key that is deleted.</summary>
        public const string None = "";

        public Write(int at, Random random)
        {
            (Bytes, LastPart) = (at % 10) switch
            {
                4 or 9 => (null, null),
                2 or 7 => (new byte[FirstPartBytes], new byte[1 + random.Next(100_000)]),
                _ => (new byte[random.Next(at % 3 == 0 ? 200_000 : 20_000)], (byte[]?)null),
            };
            if (Bytes is null)
            {
                return;
            }

            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var bytes in new[] { Bytes, LastPart ?? [] })
            {
                random.NextBytes(bytes);
                hash.AppendData(bytes);
            }

            Digest = Convert.ToHexStringLower(hash.GetHashAndReset());
        }

        /// <summary>Null for a delete.</summary>
        public byte[]? Bytes { get; }

        /// <summary>Where it is uploaded in two parts.</summary>
        public byte[]? LastPart { get; }

        public string Digest { get; } = None;
    }

    private sealed class Expected
    {
        /// <summary>What it may hold: what was acknowledged last, and whatever was asked for after it.</summary>
        public List<string> Asked { get; } = [Write.None];

        public void Acknowledge(string digest)
        {
            Asked.Clear();
            Asked.Add(digest);
        }
    }
}
