using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cloud.Benchmarks;

/// <summary>
/// From POST to a running container, beside <c>runc run</c> of the same bundle, over the same files, to the end of a program that does
/// nothing; in turns. The bare one has its files mounted already, and no network.
/// </summary>
internal static class ContainerBenchmark
{
    /// <summary>Containers that are made first and not counted: a cloud that runs has made some.</summary>
    private const int WarmUps = 5;

    public static async Task RunAsync(CloudUnderMeasure cloud, int rounds)
    {
        var (wall, bareWall) = (new List<double>(), new List<double>());
        for (var round = 0; round < WarmUps + rounds; round++)
        {
            var since = Stopwatch.GetTimestamp();
            using var response = await cloud.Http.PostAsJsonAsync(
                "/v1/instances?wait=60", new { name = $"bench-container-{round}", image = "tiny-container", type = "nano" });
            var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
            var instance = await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>();
            var id = instance.GetProperty("id").GetString()!;
            var bare = await RunBareAsync(Path.Combine(cloud.Data, "host", "guests", id));
            await cloud.DeleteInstanceAsync(id);
            if (round >= WarmUps)
            {
                wall.Add(took);
                bareWall.Add(bare);
            }
        }

        Figures.Print("POST to running, wall", wall, "s");
        Figures.Print("bare runc of the same bundle, wall", bareWall, "s");
        Figures.PrintRatio("POST to running / bare", Figures.Median(wall.Zip(bareWall, (a, b) => a / b)));
    }

    /// <summary>In the shim's mount namespace, where the container's files are.</summary>
    private static async Task<double> RunBareAsync(string guest)
    {
        using var machine = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(guest, "machine.json")));
        var shim = machine.RootElement.GetProperty("ProcessId").GetInt32();
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var bundle = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(guest, "config.json")))!;
            bundle["process"]!["terminal"] = false;
            bundle["process"]!["args"] = new JsonArray("/bin/true");
            bundle["linux"]!["cgroupsPath"] = "/cloud-bench";
            await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), bundle.ToJsonString());
            var since = Stopwatch.GetTimestamp();
            var state = Path.Combine(folder, "state");
            using var runc = Process.Start(
                "nsenter", ["--target", $"{shim}", "--mount", "--", "runc", "--root", state, "run", "--bundle", folder, "bench"]);
            await runc.WaitForExitAsync();
            return runc.ExitCode == 0
                ? Stopwatch.GetElapsedTime(since).TotalSeconds
                : throw new InvalidOperationException("runc failed.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
