using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cloud.Benchmarks;

/// <summary>
/// Objects beside nginx with the same bytes as files (GET), beside the disk's own rate of flushed files (small PUT) and beside nginx's
/// WebDAV with each file flushed (large PUT).
/// </summary>
internal static partial class ObjectsBenchmark
{
    private const int Connections = 16;
    private const int Seconds = 8;
    private const int SmallBytes = 4 << 10;
    private const int BigBytes = 1 << 20;
    private const int PutUrls = 64;
    private const int LargeBytes = 8 << 20;
    private const int LargeAtOnce = 4;

    public static async Task RunAsync(CloudUnderMeasure cloud)
    {
        var bucket = $"bench-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        using (var made = await cloud.Http.PostAsJsonAsync("/v1/buckets", new { name = bucket, visibility = "public" }))
        {
            made.EnsureSuccessStatusCode();
        }

        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        foreach (var (name, size) in new[] { ("small", SmallBytes), ("big", BigBytes) })
        {
            var bytes = RandomNumberGenerator.GetBytes(size);
            await File.WriteAllBytesAsync(Path.Combine(folder, name), bytes);
            using var put = await cloud.Http.PutAsync($"/v1/buckets/{bucket}/objects/{name}", new ByteArrayContent(bytes));
            put.EnsureSuccessStatusCode();
        }

        var (nginx, port) = StartNginx(folder);
        try
        {
            var signed = await PresignAsync(cloud, bucket, "small", "GET");
            var s3 = new Uri(signed).GetLeftPart(UriPartial.Authority);
            var reference = await RateAsync($"http://127.0.0.1:{port}/small");
            Print("GET 4 KiB, nginx", reference, "requests/s");
            Compare("GET 4 KiB, anonymous", await RateAsync($"{s3}/{bucket}/small"), reference, "requests/s");
            Compare("GET 4 KiB, signed", await RateAsync(signed), reference, "requests/s");
            var bigReference = await RateAsync($"http://127.0.0.1:{port}/big");
            Print("GET 1 MiB, nginx", bigReference, "MiB/s");
            Compare("GET 1 MiB, anonymous", await RateAsync($"{s3}/{bucket}/big"), bigReference, "MiB/s");
            var flushes = FlushRate(folder);
            Print("files of 4 KiB flushed by 16 threads", flushes, "files/s");
            Compare("PUT 4 KiB, signed, durable", await RateAsync(s3, await PutScriptAsync(cloud, bucket, folder)), flushes, "requests/s");
            var large = new List<Uri>();
            for (var at = 0; at < LargeAtOnce; at++)
            {
                large.Add(new Uri(await PresignAsync(cloud, bucket, $"large/{at}", "PUT")));
            }

            var dav = await LargeRateAsync(
                at => new Uri($"http://127.0.0.1:{port}/dav-{at}"), at => Flush(Path.Combine(folder, $"dav-{at}")));
            Print("PUT 8 MiB, nginx WebDAV, and the file flushed", dav, "MiB/s");
            Compare("PUT 8 MiB, signed, durable", await LargeRateAsync(at => large[at], _ => { }), dav, "MiB/s");
        }
        finally
        {
            nginx.Kill(entireProcessTree: true);
            await nginx.WaitForExitAsync();
            nginx.Dispose();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> PresignAsync(CloudUnderMeasure cloud, string bucket, string key, string method)
    {
        using var answer = await cloud.Http.PostAsJsonAsync($"/v1/buckets/{bucket}/presign", new { key, method, expiresIn = 3600 });
        return (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("url").GetString()!;
    }

    /// <summary>A script for wrk that puts 4 KiB to one key after the other.</summary>
    private static async Task<string> PutScriptAsync(CloudUnderMeasure cloud, string bucket, string folder)
    {
        var paths = new List<string>();
        for (var at = 0; at < PutUrls; at++)
        {
            paths.Add($"\"{new Uri(await PresignAsync(cloud, bucket, $"put/{at}", "PUT")).PathAndQuery}\"");
        }

        var script = Path.Combine(folder, "put.lua");
        await File.WriteAllTextAsync(script, $$"""
            local paths = { {{string.Join(", ", paths)}} }
            local at = 0
            local body = string.rep("x", {{SmallBytes}})
            request = function()
              at = at % #paths + 1
              return wrk.format("PUT", paths[at], nil, body)
            end
            """);
        return script;
    }

    private static (Process Process, int Port) StartNginx(string folder)
    {
        int port;
        using (var listener = new TcpListener(System.Net.IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
        }

        var config = Path.Combine(folder, "nginx.conf");
        File.WriteAllText(config, $$"""
            daemon off; worker_processes auto; pid {{folder}}/nginx.pid; error_log /dev/null; user root;
            events { worker_connections 1024; }
            http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
              server { listen 127.0.0.1:{{port}}; root {{folder}};
                dav_methods PUT; client_max_body_size 0; client_body_temp_path {{folder}}; } }
            """);
        var process = Process.Start(new ProcessStartInfo("/usr/sbin/nginx", ["-c", config, "-p", folder]))!;
        return (process, port);
    }

    private static async Task<double> LargeRateAsync(Func<int, Uri> urlOf, Action<int> after)
    {
        using var http = new HttpClient();
        var bytes = RandomNumberGenerator.GetBytes(LargeBytes);
        var started = TimeProvider.System.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, LargeAtOnce).Select(at => Task.Run(async () =>
        {
            var count = 0;
            for (; TimeProvider.System.GetElapsedTime(started).TotalSeconds < Seconds; count++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Put, urlOf(at));
                request.Content = new ByteArrayContent(bytes);
                using var answer = await http.SendAsync(request);
                answer.EnsureSuccessStatusCode();
                after(at);
            }

            return count;
        })));
        return counts.Sum() * (LargeBytes >> 20) / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
    }

    private static void Flush(string path)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
    }

    private static double FlushRate(string folder)
    {
        var bytes = new byte[SmallBytes];
        var started = TimeProvider.System.GetTimestamp();
        var count = 0;
        var threads = Enumerable.Range(0, Connections).Select(at => new Thread(() =>
        {
            for (var file = 0; TimeProvider.System.GetElapsedTime(started).TotalSeconds < Seconds; file++)
            {
                using var handle = File.OpenHandle(Path.Combine(folder, $"flush-{at}-{file}"), FileMode.Create, FileAccess.Write);
                RandomAccess.Write(handle, bytes, 0);
                RandomAccess.FlushToDisk(handle);
                Interlocked.Increment(ref count);
            }
        })).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        return count / TimeProvider.System.GetElapsedTime(started).TotalSeconds;
    }

    private static async Task<double> RateAsync(string url, string? script = null)
    {
        var arguments = new List<string> { "-t", "2", "-c", $"{Connections}", "-d", $"{Seconds}s" };
        if (script is not null)
        {
            arguments.AddRange(["-s", script]);
        }

        arguments.Add(url);
        using var wrk = Process.Start(new ProcessStartInfo("wrk", arguments) { RedirectStandardOutput = true })!;
        var said = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        if (said.Contains("Non-2xx", StringComparison.Ordinal))
        {
            throw new InvalidOperationException(said);
        }

        return double.Parse(Rate().Match(said).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static void Print(string what, double rate, string unit) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-52} {rate,9:F0} {unit}"));

    private static void Compare(string what, double rate, double reference, string unit)
    {
        Print(what, rate, unit);
        Figures.PrintRatio("  beside its reference", rate / reference);
    }

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();
}
