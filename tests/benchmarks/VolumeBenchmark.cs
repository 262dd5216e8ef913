using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>
/// Volumes: what a guest reads and writes, beside the same QEMU started by hand on the same file; a disk that comes to a running guest,
/// snapshots under a guest that writes, clones, and a list of a thousand.
/// </summary>
internal static class VolumeBenchmark
{
    private const long Mebibyte = 1L << 20;
    private const int Times = 5;
    private const int Listed = 1000;
    private const int MadeAtOnce = 8;
    private const int WriteSeconds = 3;

    /// <summary>What a virtio disk tells of itself has so many characters (virtio 1.2, 5.2.6.4).</summary>
    private const int SerialLength = 20;

    private const string Mount = "mount -t ext4 -o ro /dev/vdb /mnt";

    /// <summary>In a guest whose second disk has the program and whose third is measured.</summary>
    private const string Measure = Mount + " && /mnt/volume-io /dev/vdc";

    private static readonly TimeSpan BareLimit = TimeSpan.FromMinutes(2);

    /// <summary>A disk that comes, snapshots, clones, a list.</summary>
    public static Task RunAsync(CloudUnderMeasure cloud) => WithProgramsAsync(cloud, async (programs, _) =>
    {
        var instance = IdOf(await cloud.CreateInstanceAsync("bench-volumes", volumes: [programs]));
        await ShellAsync(cloud, instance, Mount);
        await ComeAndKeepAsync(cloud, instance);
        await cloud.DeleteInstanceAsync(instance);
        await ListAsync(cloud);
    });

    /// <summary>
    /// What a guest reads and writes: the same guest with the same disks, started by the cloud and started by hand, in turns. Each begins
    /// with nothing of the volume's file in the host's cache.
    /// </summary>
    public static Task ReadAndWriteAsync(CloudUnderMeasure cloud, int rounds) => WithProgramsAsync(cloud, async (programs, folder) =>
    {
        var volume = await CreateAsync(cloud, new { name = "bench-io", sizeBytes = 512 * Mebibyte });
        var file = FileOf(cloud, volume);
        var instance = IdOf(await cloud.CreateInstanceAsync("bench-io", volumes: [programs, volume]));
        var files = new[] { programs, volume }.ToDictionary(one => one[..SerialLength], one => FileOf(cloud, one));
        var byHand = GuestByHand.As(cloud, instance, files, folder);

        // The first allocates what the others write again.
        await ShellAsync(cloud, instance, Measure);
        await ActAsync(cloud, $"/v1/instances/{instance}/stop?wait=60", null);
        var (ours, bare) = (new List<Dictionary<string, double>>(), new List<Dictionary<string, double>>());
        for (var round = 0; round < rounds; round++)
        {
            for (var turn = 0; turn < 2; turn++)
            {
                await RunAsync("dd", $"if={file}", "iflag=nocache", "count=0", "status=none");
                if ((round + turn) % 2 == 0)
                {
                    await ActAsync(cloud, $"/v1/instances/{instance}/start?wait=60", null);
                    ours.Add(ReadFigures(await ShellAsync(cloud, instance, Measure)));
                    await ActAsync(cloud, $"/v1/instances/{instance}/stop?wait=60", null);
                }
                else
                {
                    bare.Add(ReadFigures(await byHand.RunAsync(Measure, BareLimit)));
                }
            }
        }

        await cloud.DeleteInstanceAsync(instance);
        await UntilFreeAsync(cloud, volume);
        await DeleteAsync(cloud, $"/v1/volumes/{volume}");
        foreach (var name in ours[0].Keys)
        {
            var unit = name.StartsWith("sequential", StringComparison.Ordinal) ? "MB/s" : "operations/s";
            Figures.Print($"{name} of a volume in a guest", ours.Select(one => one[name]).ToList(), unit);
            Figures.Print($"{name} of its file by hand", bare.Select(one => one[name]).ToList(), unit);
            Figures.PrintRatio($"{name}, volume / by hand", Figures.Median(ours.Zip(bare, (a, b) => a[name] / b[name])));
        }
    });

    /// <summary>With a volume that has the program that guests run, and a folder for what is by hand.</summary>
    private static async Task WithProgramsAsync(CloudUnderMeasure cloud, Func<string, string, Task> act)
    {
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var tools = await MakeToolsAsync(folder);
            var programs = await CreateAsync(cloud, new { name = "bench-programs", sizeBytes = new FileInfo(tools).Length });
            await UploadAsync(cloud, programs, tools);
            await act(programs, folder);
            await UntilFreeAsync(cloud, programs);
            await DeleteAsync(cloud, $"/v1/volumes/{programs}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task ComeAndKeepAsync(CloudUnderMeasure cloud, string instance)
    {
        var volume = await CreateAsync(cloud, new { name = "bench-large", sizeBytes = 10240 * Mebibyte });
        var (come, taken, made) = (new List<double>(), new List<double>(), new List<double>());
        var (gap, gapAlone) = (new List<double>(), new List<double>());
        for (var time = 0; time < Times; time++)
        {
            var before = (await ShellAsync(cloud, instance, "ls /sys/block | grep -c vd")).Trim();
            var seen = ShellAsync(cloud, instance, $"until [ $(ls /sys/block | grep -c vd) -gt {before} ]; do usleep 10000; done");
            await Task.Delay(200);
            var since = Stopwatch.GetTimestamp();
            var attached = ActAsync(cloud, $"/v1/volumes/{volume}/attach", new { instance });
            await seen;
            come.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            await attached;
            await ActAsync(cloud, $"/v1/volumes/{volume}?wait=60", null, HttpMethod.Get);
            await ActAsync(cloud, $"/v1/volumes/{volume}/detach?wait=60", null);
        }

        var disk = await AttachAsync(cloud, volume, instance);
        await ShellAsync(cloud, instance, $"/mnt/volume-io /dev/{disk}");
        for (var time = 0; time < Times; time++)
        {
            gapAlone.AddRange(ReadFigures(await ShellAsync(cloud, instance, $"/mnt/volume-io /dev/{disk} {WriteSeconds}")).Values);
            var writes = ShellAsync(cloud, instance, $"/mnt/volume-io /dev/{disk} {WriteSeconds}");
            await Task.Delay(TimeSpan.FromSeconds(WriteSeconds) / 3);
            JsonElement snapshot = default;
            taken.Add(await TimeAsync(async () =>
                snapshot = await ActAsync(cloud, "/v1/snapshots?wait=60", new { name = $"bench-{time}", volume })));
            gap.AddRange(ReadFigures(await writes).Values);
            await DeleteAsync(cloud, $"/v1/snapshots/{IdOf(snapshot)}");
            var copy = "";
            made.Add(await TimeAsync(async () => copy = await CreateAsync(cloud, new { name = $"bench-copy-{time}", volume })));
            await DeleteAsync(cloud, $"/v1/volumes/{copy}");
        }

        await ActAsync(cloud, $"/v1/volumes/{volume}/detach?wait=60", null);
        await DeleteAsync(cloud, $"/v1/volumes/{volume}");
        Figures.Print("POST attach to the guest seeing the disk, wall", come, "ms");
        Figures.Print("POST snapshot of an attached 10 GiB to available", taken, "ms");
        Figures.Print("longest time between two writes, meanwhile", gap, "ms");
        Figures.Print("longest time between two writes, else", gapAlone, "ms");
        Figures.Print("POST volume of a 10 GiB volume to available", made, "ms");
    }

    private static async Task ListAsync(CloudUnderMeasure cloud)
    {
        (await cloud.Http.PutAsJsonAsync("/v1/quotas/volumes", new { limit = Listed + 200 })).EnsureSuccessStatusCode();
        using var gate = new SemaphoreSlim(MadeAtOnce);
        var volumes = await Task.WhenAll(Enumerable.Range(0, Listed).Select(async at =>
        {
            await gate.WaitAsync();
            try
            {
                return await CreateAsync(cloud, new { name = $"bench-listed-{at}", sizeBytes = Mebibyte, format = "raw" });
            }
            finally
            {
                gate.Release();
            }
        }));
        var list = new List<double>();
        for (var time = 0; time < 2 * Times; time++)
        {
            list.Add(await TimeAsync(async () =>
            {
                using var answer = await cloud.Http.GetAsync($"/v1/volumes?limit={Listed}");
                answer.EnsureSuccessStatusCode();
                await answer.Content.ReadAsByteArrayAsync();
            }));
        }

        Figures.Print($"GET of {Listed} volumes", list, "ms");
        await Task.WhenAll(volumes.Select(async volume =>
        {
            await gate.WaitAsync();
            await DeleteAsync(cloud, $"/v1/volumes/{volume}");
            gate.Release();
        }));
    }

    /// <summary>A disk with the program that guests run.</summary>
    private static async Task<string> MakeToolsAsync(string folder)
    {
        var programs = Directory.CreateDirectory(Path.Combine(folder, "programs")).FullName;
        var source = Path.Combine(Environment.CurrentDirectory, "tests", "benchmarks", "volume-io.c");
        await RunAsync("gcc", "-O2", "-static", "-o", Path.Combine(programs, "volume-io"), source);
        var disk = Path.Combine(folder, "programs.img");
        await RunAsync("mke2fs", "-q", "-t", "ext4", "-d", programs, disk, "8M");
        return disk;
    }

    /// <summary>The file that the volume is, as long as it has no snapshots.</summary>
    private static string FileOf(CloudUnderMeasure cloud, string volume)
    {
        var volumes = Path.Combine(cloud.Data, "host", "volumes");
        using var record = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(volumes, "volumes", $"{volume}.json")));
        return Path.Combine(volumes, "files", record.RootElement.GetProperty("Layers")[0].GetProperty("Name").GetString()!);
    }

    /// <summary>The lines of a name and a number; the kernel's own are others.</summary>
    private static Dictionary<string, double> ReadFigures(string said) => said
        .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => line.Split(' '))
        .Where(words => words.Length == 2 && double.TryParse(words[1], CultureInfo.InvariantCulture, out _))
        .ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture));

    private static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    private static async Task<double> TimeAsync(Func<Task> act)
    {
        var since = Stopwatch.GetTimestamp();
        await act();
        return Stopwatch.GetElapsedTime(since).TotalMilliseconds;
    }

    private static async Task<string> CreateAsync(CloudUnderMeasure cloud, object request) =>
        IdOf(await ActAsync(cloud, "/v1/volumes?wait=60", request));

    private static async Task DeleteAsync(CloudUnderMeasure cloud, string path) =>
        await ActAsync(cloud, $"{path}?wait=60", null, HttpMethod.Delete);

    /// <summary>Until the volume is not the deleted instance's any more.</summary>
    private static async Task UntilFreeAsync(CloudUnderMeasure cloud, string volume)
    {
        while ((await ActAsync(cloud, $"/v1/volumes/{volume}", null, HttpMethod.Get)).GetProperty("status").GetString() != "available")
        {
            await Task.Delay(100);
        }
    }

    private static async Task UploadAsync(CloudUnderMeasure cloud, string volume, string file)
    {
        using var content = new ByteArrayContent(await File.ReadAllBytesAsync(file));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var answer = await cloud.Http.PutAsync($"/v1/volumes/{volume}/content", content);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>The disk's name in the guest, once that sees it.</summary>
    private static async Task<string> AttachAsync(CloudUnderMeasure cloud, string volume, string instance)
    {
        var attached = await ActAsync(cloud, $"/v1/volumes/{volume}/attach?wait=60", new { instance });
        var serial = attached.GetProperty("attachment").GetProperty("serial").GetString();
        return (await ShellAsync(
            cloud, instance, $"until grep -lx {serial} /sys/block/vd*/serial 2> /dev/null; do usleep 10000; done")).Split('/')[3];
    }

    private static async Task<string> ShellAsync(CloudUnderMeasure cloud, string instance, string script)
    {
        var answer = await ActAsync(cloud, $"/v1/instances/{instance}/exec", new { command = new[] { "/bin/sh", "-c", script } });
        return answer.GetProperty("exitCode").GetInt32() == 0
            ? answer.GetProperty("stdout").GetString()!
            : throw new InvalidOperationException($"The guest said: {answer}");
    }

    private static async Task<JsonElement> ActAsync(CloudUnderMeasure cloud, string path, object? body, HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Post, path);
        request.Content = body is null ? null : JsonContent.Create(body);
        using var response = await cloud.Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return !response.IsSuccessStatusCode ? throw new InvalidOperationException($"{path}: {text}")
            : text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} failed.");
        }
    }
}
