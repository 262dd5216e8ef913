using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>Many instances at once: each gets ready, or is refused with a reason; none hangs.</summary>
internal static class ManyBenchmark
{
    public static async Task RunAsync(CloudUnderMeasure cloud, int count)
    {
        var since = Stopwatch.GetTimestamp();
        var answers = await Task.WhenAll(Enumerable.Range(0, count).Select(async at =>
        {
            using var response = await cloud.Http.PostAsJsonAsync(
                "/v1/instances?wait=300", new { name = $"bench-many-{at}", image = "tiny", type = "nano" });
            return (
                response.StatusCode, Body: await response.Content.ReadFromJsonAsync<JsonElement>(),
                After: Stopwatch.GetElapsedTime(since).TotalSeconds);
        }));
        var made = answers.Where(answer => answer.StatusCode == HttpStatusCode.Created).ToList();
        var ready = made.Where(answer => answer.Body.GetProperty("ready").GetBoolean()).ToList();
        var folders = made.Select(answer => Path.Combine(cloud.Data, "host", "guests", answer.Body.GetProperty("id").GetString()!));
        var disk = folders.Sum(folder => Directory.EnumerateFiles(folder).Sum(BlocksOf));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{count} asked for: {ready.Count} ready, {made.Count - ready.Count} not, {answers.Length - made.Count} refused, "
            + $"the last after {answers.Max(answer => answer.After):F1} s; {disk >> 20} MiB of disk"));
        foreach (var refused in answers.Where(answer => answer.StatusCode != HttpStatusCode.Created).Take(3))
        {
            Console.WriteLine($"  {refused.Body.GetProperty("detail").GetString()}");
        }

        await Task.WhenAll(made.Select(answer => cloud.DeleteInstanceAsync(answer.Body.GetProperty("id").GetString()!)));
    }

    /// <summary>Bytes that a file takes on the disk, holes not counted.</summary>
    private static long BlocksOf(string path)
    {
        using var stat = Process.Start(new ProcessStartInfo("stat", ["-c", "%b", path]) { RedirectStandardOutput = true })!;
        return long.TryParse(
            stat.StandardOutput.ReadToEnd(), NumberStyles.None | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture,
            out var blocks)
            ? blocks * 512
            : 0;
    }
}
