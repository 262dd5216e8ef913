using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>
/// A running guest that is paused, suspended, resumed, snapshotted and restored; and forked, beside the boot that it came from.
/// </summary>
internal static class SnapshotBenchmark
{
    public static async Task SnapshotsAsync(CloudUnderMeasure cloud, int rounds)
    {
        var id = IdOf(await cloud.CreateInstanceAsync("bench-snapshots", "#!/bin/sh\necho ready"));
        var (suspend, resume, snapshot, restore) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var (pause, goOn) = (new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            pause.Add(await TimeAsync(() => ActAsync(cloud, $"/v1/instances/{id}/pause?wait=60", null)));
            goOn.Add(await TimeAsync(() => ActAsync(cloud, $"/v1/instances/{id}/resume?wait=60", null)));
            suspend.Add(await TimeAsync(() => ActAsync(cloud, $"/v1/instances/{id}/suspend?wait=60", null)));
            resume.Add(await TimeAsync(() => ActAsync(cloud, $"/v1/instances/{id}/resume?wait=60", null)));
            var taken = default(JsonElement);
            snapshot.Add(await TimeAsync(async () =>
                taken = await ActAsync(cloud, $"/v1/instances/{id}/snapshot?wait=60", new { name = $"bench-{round}" })));
            restore.Add(await TimeAsync(() => ActAsync(cloud, $"/v1/instance-snapshots/{IdOf(taken)}/restore?wait=60", null)));
        }

        await cloud.DeleteInstanceAsync(id);
        Figures.Print("POST pause to paused, wall", pause, "s");
        Figures.Print("POST resume of a paused one to running, wall", goOn, "s");
        Figures.Print("POST suspend to suspended, wall", suspend, "s");
        Figures.Print("POST resume of a suspended one to running, wall", resume, "s");
        Figures.Print("POST snapshot to available, wall (the guest stands still for less)", snapshot, "s");
        Figures.Print("POST restore to running, wall", restore, "s");
    }

    public static async Task ForksAsync(CloudUnderMeasure cloud, int count)
    {
        var since = Stopwatch.GetTimestamp();
        var id = IdOf(await cloud.CreateInstanceAsync("bench-forks", "#!/bin/sh\necho ready"));
        var boot = Stopwatch.GetElapsedTime(since).TotalSeconds;
        var bootCpu = await CpuSecondsAsync(cloud, id);
        var one = new List<double>();
        for (var round = 0; round < 3; round++)
        {
            since = Stopwatch.GetTimestamp();
            var forked = await ActAsync(cloud, $"/v1/instances/{id}/fork?wait=120", new { count = 1 });
            one.Add(Stopwatch.GetElapsedTime(since).TotalSeconds);
            await cloud.DeleteInstanceAsync(IdOf(forked.GetProperty("items")[0]));
        }

        since = Stopwatch.GetTimestamp();
        var all = await ActAsync(cloud, $"/v1/instances/{id}/fork?wait=300", new { count });
        var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
        var (cpu, own, alone, answering) = (new List<double>(), new List<double>(), new List<double>(), 0);
        var forks = all.GetProperty("items").EnumerateArray().Select(IdOf).ToList();
        foreach (var fork in forks)
        {
            cpu.Add(await CpuSecondsAsync(cloud, fork));
            own.Add(Mebibytes(cloud, fork, "Anonymous:"));
            alone.Add(Mebibytes(cloud, fork, "Private_"));
        }

        foreach (var fork in forks)
        {
            var said = await ActAsync(cloud, $"/v1/instances/{fork}/exec", new { command = (string[])["/bin/hostname"] });
            answering += said.GetProperty("exitCode").GetInt32() == 0 ? 1 : 0;
        }

        foreach (var fork in forks)
        {
            await cloud.DeleteInstanceAsync(fork);
        }

        await cloud.DeleteInstanceAsync(id);
        Figures.Print("POST create to ready, wall", [boot], "s");
        Figures.Print("POST fork of one to ready, wall", one, "s");
        Figures.Print($"POST fork of {count} to all ready, wall", [took], "s");
        Console.WriteLine($"{answering} of {count} answer at once");
        Figures.Print("a booted guest's process, CPU", [bootCpu], "s");
        Figures.Print("a fork's process, CPU", cpu, "s");
        Figures.PrintRatio("fork / boot, CPU", Figures.Median(cpu) / bootCpu);
        Figures.Print("memory of a fork's own", own, "MiB");
        Figures.Print("with what it alone uses of the snapshot's and of QEMU's files", alone, "MiB");
    }

    /// <summary>Creates from a warm image beside creates that boot, in turns; an image that was not warm before is not after.</summary>
    public static async Task WarmAsync(CloudUnderMeasure cloud, int rounds)
    {
        const string Script = "#!/bin/sh\necho ready";
        var (boot, bootCpu) = (new List<double>(), new List<double>());
        var (warm, warmCpu) = (new List<double>(), new List<double>());
        await DeleteWarmAsync(cloud);
        for (var round = 0; round < rounds; round++)
        {
            await MeasureAsync(boot, bootCpu, $"bench-boots-{round}", isWarm: false);
        }

        await ActAsync(cloud, "/v1/images/tiny/warm?wait=300", null);
        for (var round = 0; round < rounds; round++)
        {
            await MeasureAsync(warm, warmCpu, $"bench-warm-{round}", isWarm: true);
        }

        await DeleteWarmAsync(cloud);
        Figures.Print("POST create to ready, wall", boot, "s");
        Figures.Print("the same from a warm image", warm, "s");
        Figures.Print("a booted guest's process, CPU", bootCpu, "s");
        Figures.Print("a warm one's", warmCpu, "s");
        Figures.PrintRatio("warm / boot, CPU", Figures.Median(warmCpu) / Figures.Median(bootCpu));

        async Task MeasureAsync(List<double> wall, List<double> cpu, string name, bool isWarm)
        {
            var since = Stopwatch.GetTimestamp();
            var made = await cloud.CreateInstanceAsync(name, Script);
            wall.Add(Stopwatch.GetElapsedTime(since).TotalSeconds);
            if (made.GetProperty("warm").GetBoolean() != isWarm)
            {
                throw new InvalidOperationException($"It was to be otherwise: {made.GetProperty("warmReason")}");
            }

            cpu.Add(await CpuSecondsAsync(cloud, IdOf(made)));
            await cloud.DeleteInstanceAsync(IdOf(made));
        }
    }

    private static async Task DeleteWarmAsync(CloudUnderMeasure cloud)
    {
        using var response = await cloud.Http.DeleteAsync("/v1/images/tiny/warm");
        response.EnsureSuccessStatusCode();
    }

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private static async Task<double> TimeAsync(Func<Task> act)
    {
        var since = Stopwatch.GetTimestamp();
        await act();
        return Stopwatch.GetElapsedTime(since).TotalSeconds;
    }

    private static async Task<JsonElement> ActAsync(CloudUnderMeasure cloud, string path, object? body)
    {
        using var response = await cloud.Http.PostAsJsonAsync(path, body ?? new { });
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<double> CpuSecondsAsync(CloudUnderMeasure cloud, string id) =>
        (await cloud.Http.GetFromJsonAsync<JsonElement>($"/v1/instances/{id}/metrics")).GetProperty("cpuSeconds").GetDouble();

    /// <summary>What the guest's process shares with none (smaps_rollup).</summary>
    /// <summary>Of the process of an instance, what lines of <c>smaps_rollup</c> (proc_pid_smaps(5)) sum up to.</summary>
    private static double Mebibytes(CloudUnderMeasure cloud, string id, string lines)
    {
        using var machine = JsonDocument.Parse(File.ReadAllText(cloud.FileOf(id, "machine.json")));
        var process = machine.RootElement.GetProperty("ProcessId").GetInt32();
        return File.ReadLines($"/proc/{process}/smaps_rollup")
            .Where(line => line.StartsWith(lines, StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)) / 1024;
    }
}
