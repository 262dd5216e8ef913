using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>An object of many GiB put in one request and read back, and how far that grows the process that stores it.</summary>
internal static class LargeObjectBenchmark
{
    private const int PieceBytes = 1 << 20;
    private static readonly TimeSpan SamplePause = TimeSpan.FromMilliseconds(50);

    public static async Task RunAsync(CloudUnderMeasure cloud, int gibibytes)
    {
        var bucket = $"bench-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        using (var made = await cloud.Http.PostAsJsonAsync("/v1/buckets", new { name = bucket }))
        {
            made.EnsureSuccessStatusCode();
        }

        var pieces = gibibytes * 1024L;
        var pid = cloud.Units.TryGetValue("cloud", out var one) ? one : cloud.Units["object-storage"];
        using var http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Authorization = new("Bearer", cloud.Token);
        var path = $"/v1/buckets/{bucket}/objects/large";
        using var sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await MeasureAsync($"PUT of {gibibytes} GiB", pid, pieces, async () =>
        {
            using var answer = await http.PutAsync(new Uri(cloud.Url, path), new PieceContent(pieces, sent));
            answer.EnsureSuccessStatusCode();
        });
        using var got = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await MeasureAsync($"GET of {gibibytes} GiB", pid, pieces, async () =>
        {
            using var signed = await cloud.Http.PostAsJsonAsync(
                $"/v1/buckets/{bucket}/presign", new { key = "large", method = "GET", expiresIn = 3600 });
            var url = (await signed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!;
            using var anybody = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
            await using var bytes = await anybody.GetStreamAsync(url);
            var buffer = new byte[PieceBytes];
            for (int count; (count = await bytes.ReadAsync(buffer)) > 0;)
            {
                got.AppendData(buffer, 0, count);
            }
        });
        var same = got.GetHashAndReset().AsSpan().SequenceEqual(sent.GetHashAndReset());
        Console.WriteLine(same ? "The bytes are the same." : "THE BYTES DIFFER.");
        (await cloud.Http.DeleteAsync(path)).Dispose();
        (await cloud.Http.DeleteAsync($"/v1/buckets/{bucket}")).Dispose();
    }

    private static async Task MeasureAsync(string what, int pid, long mebibytes, Func<Task> work)
    {
        var before = AnonymousOf(pid);
        var most = before;
        using var stop = new CancellationTokenSource();
        var sampler = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                most = Math.Max(most, AnonymousOf(pid));
                await Task.Delay(SamplePause);
            }
        });
        var started = TimeProvider.System.GetTimestamp();
        await work();
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        await stop.CancelAsync();
        await sampler;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{what,-20} {mebibytes / seconds,7:F0} MiB/s; memory {before >> 20} MiB before, {(most - before) >> 20} MiB more at most"));
    }

    /// <summary>Memory that is the process's own, without the pages of its programs' files, in bytes.</summary>
    private static long AnonymousOf(int pid)
    {
        var line = File.ReadLines($"/proc/{pid}/status").First(text => text.StartsWith("RssAnon:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    /// <summary>So many MiB, each another.</summary>
    private sealed class PieceContent(long pieces, IncrementalHash hash) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var piece = RandomNumberGenerator.GetBytes(PieceBytes);
            for (var at = 0L; at < pieces; at++)
            {
                BitConverter.TryWriteBytes(piece, at);
                hash.AppendData(piece);
                await stream.WriteAsync(piece);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = pieces * PieceBytes;
            return true;
        }
    }
}
