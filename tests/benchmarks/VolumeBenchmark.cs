using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>
/// Volumes: what a guest reads and writes, beside the same QEMU started by hand on the same file, in turns; a disk that comes to a running
/// guest, snapshots under a guest that writes, clones, and a list of a thousand.
/// </summary>
internal static class VolumeBenchmark
{
    private const long Mebibyte = 1L << 20;
    private const int Times = 5;
    private const int Listed = 1000;
    private const int MadeAtOnce = 8;
    private const int WriteSeconds = 3;
    private static readonly TimeSpan BareLimit = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(CloudUnderMeasure cloud, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var tools = await MakeToolsAsync(folder);
            var instance = IdOf(await cloud.CreateInstanceAsync("bench-volumes"));
            var programs = await CreateAsync(cloud, new { name = "bench-programs", sizeBytes = new FileInfo(tools).Length });
            await UploadAsync(cloud, programs, tools);
            var disk = await AttachAsync(cloud, programs, instance);
            await ShellAsync(cloud, instance, $"mount -t ext4 -o ro /dev/{disk} /mnt");
            await ReadAndWriteAsync(cloud, instance, rounds, folder, tools);
            await ComeAndKeepAsync(cloud, instance);
            await ShellAsync(cloud, instance, "umount /mnt");
            await ActAsync(cloud, $"/v1/volumes/{programs}/detach?wait=60", null);
            await DeleteAsync(cloud, $"/v1/volumes/{programs}");
            await cloud.DeleteInstanceAsync(instance);
            await ListAsync(cloud);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task ReadAndWriteAsync(CloudUnderMeasure cloud, string instance, int rounds, string folder, string tools)
    {
        var volume = await CreateAsync(cloud, new { name = "bench-io", sizeBytes = 512 * Mebibyte });
        var (ours, bare) = (new List<Dictionary<string, double>>(), new List<Dictionary<string, double>>());
        for (var round = 0; round <= rounds; round++)
        {
            var disk = await AttachAsync(cloud, volume, instance);
            var own = ReadFigures(await ShellAsync(cloud, instance, $"/mnt/volume-io /dev/{disk}"));
            await ActAsync(cloud, $"/v1/volumes/{volume}/detach?wait=60", null);
            var other = ReadFigures(await RunBareAsync(cloud, instance, FileOf(cloud, volume), folder, tools));
            if (round > 0)
            {
                // The first allocates what the others write again.
                ours.Add(own);
                bare.Add(other);
            }
        }

        await DeleteAsync(cloud, $"/v1/volumes/{volume}");
        foreach (var name in ours[0].Keys)
        {
            var unit = name.StartsWith("sequential", StringComparison.Ordinal) ? "MB/s" : "operations/s";
            Figures.Print($"{name} of a volume in a guest", ours.Select(one => one[name]).ToList(), unit);
            Figures.Print($"{name} of its file by hand", bare.Select(one => one[name]).ToList(), unit);
            Figures.PrintRatio($"{name}, volume / by hand", Figures.Median(ours.Zip(bare, (a, b) => a[name] / b[name])));
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

    /// <summary>Boots the instance's kernel and image with nothing but QEMU around them, and runs the program on the file there.</summary>
    private static async Task<string> RunBareAsync(CloudUnderMeasure cloud, string instance, string file, string folder, string tools)
    {
        var spec = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(cloud.Data, "host", "guests", instance, "guest.json"))).RootElement;
        var image = spec.GetProperty("Image");
        string At(string property) => Path.Combine(image.GetProperty("Folder").GetString()!, image.GetProperty(property).GetString()!);
        var (root, said) = (Path.Combine(folder, "root.qcow2"), Path.Combine(folder, "said"));
        await RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-b", At("Disk"), "-F", image.GetProperty("DiskFormat").GetString()!, root);
        const string Script = "mount -t ext4 -o ro /dev/vdc /mnt; /mnt/volume-io /dev/vdb > /dev/console";
        var memory = spec.GetProperty("MemoryBytes").GetInt64() / Mebibyte;
        string[] arguments =
        [
            "-machine", "pc", "-accel", $"tcg,thread=multi,tb-size={Math.Clamp(memory / 4, 64, 256)}",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-smp", $"{spec.GetProperty("Vcpus").GetInt32()}", "-m", $"{memory}", "-kernel", At("Kernel"),
            "-append", $"{image.GetProperty("CommandLine").GetString()} init=/bin/sh -- -c \"{Script}\"",
            "-drive", $"file={root},if=virtio,format=qcow2",
            "-drive", $"file={file},if=virtio,format=qcow2,discard=unmap",
            "-drive", $"file={tools},if=virtio,format=raw,readonly=on",
            "-serial", $"file:{said}",
        ];
        using var qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardError = true })!;
        using var limit = new CancellationTokenSource(BareLimit);
        await qemu.WaitForExitAsync(limit.Token);
        return await File.ReadAllTextAsync(said);
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
