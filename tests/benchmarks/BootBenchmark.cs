using System.Diagnostics;
using System.Text.Json;

namespace Cloud.Benchmarks;

/// <summary>
/// From POST to ready, beside the same kernel, command line, disk and seed under a bare <c>qemu-system-x86_64</c> until the boot report's
/// <c>ready</c> line, in turns.
/// </summary>
internal static class BootBenchmark
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static async Task RunAsync(CloudUnderMeasure cloud, int rounds)
    {
        var (wall, bareWall, share) = (new List<double>(), new List<double>(), new List<double>());
        var (cpu, bareCpu) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            var since = Stopwatch.GetTimestamp();
            var instance = await cloud.CreateInstanceAsync($"bench-boot-{round}", "#!/bin/sh\necho ready");
            var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
            var id = instance.GetProperty("id").GetString()!;
            var spent = (await cloud.Http.GetFromJsonAsync<JsonElement>($"/v1/instances/{id}/metrics"))
                .GetProperty("cpuSeconds").GetDouble();
            var folder = Path.Combine(cloud.Data, "host", "guests", id);
            using var run = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "run.json")));
            var started = run.RootElement.GetProperty("StartedAt").GetDateTimeOffset();
            var booted = (File.GetLastWriteTimeUtc(Path.Combine(folder, "boot.jsonl")) - started.UtcDateTime).TotalSeconds;
            var (bare, bareSpent) = await RunBareAsync(cloud, id);
            await cloud.DeleteInstanceAsync(id);
            if (round == 0)
            {
                continue;
            }

            wall.Add(took);
            share.Add(took - booted);
            cpu.Add(spent);
            bareWall.Add(bare);
            bareCpu.Add(bareSpent);
        }

        Figures.Print("POST to ready, wall", wall, "s");
        Figures.Print("bare qemu-system-x86_64 to ready, wall", bareWall, "s");
        Figures.PrintRatio("POST to ready / bare", Figures.Median(wall.Zip(bareWall, (a, b) => a / b)));
        Figures.Print("of it before the guest's process and after its report", share, "s");
        Figures.Print("the guest's process to ready, CPU", cpu, "s");
        Figures.Print("bare qemu-system-x86_64 to ready, CPU", bareCpu, "s");
    }

    /// <summary>Boots the same files with nothing but QEMU around them.</summary>
    private static async Task<(double Wall, double Cpu)> RunBareAsync(CloudUnderMeasure cloud, string id)
    {
        var spec = JsonDocument.Parse(
            await File.ReadAllTextAsync(Path.Combine(cloud.Data, "host", "guests", id, "guest.json"))).RootElement;
        var image = spec.GetProperty("Image");
        string At(string property) => Path.Combine(image.GetProperty("Folder").GetString()!, image.GetProperty(property).GetString()!);
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var disk = Path.Combine(folder, "root.qcow2");
            await RunAsync(
                "qemu-img", "create", "-q", "-f", "qcow2", "-b", At("Disk"), "-F", image.GetProperty("DiskFormat").GetString()!, disk);
            File.Copy(Path.Combine(cloud.Data, "host", "guests", id, "seed.iso"), Path.Combine(folder, "seed.iso"));
            var report = Path.Combine(folder, "boot.jsonl");
            List<string> arguments =
            [
                "-machine", "pc,accel=tcg", "-nodefaults", "-no-user-config", "-display", "none",
                "-smp", $"{spec.GetProperty("Vcpus").GetInt32()}",
                "-m", $"{spec.GetProperty("MemoryBytes").GetInt64() >> 20}", "-kernel", At("Kernel"),
                "-append", image.GetProperty("CommandLine").GetString()!,
                "-drive", $"file={disk},if=none,id=root,format=qcow2", "-device", "virtio-blk-pci,drive=root,serial=root",
                "-device", "virtio-scsi-pci",
                "-drive", $"file={Path.Combine(folder, "seed.iso")},if=none,id=seed,format=raw,media=cdrom,readonly=on",
                "-device", "scsi-cd,drive=seed", "-serial", $"file:{Path.Combine(folder, "console.log")}",
                "-device", "virtio-serial-pci", "-chardev", $"file,id=boot,path={report}",
                "-device", "virtserialport,chardev=boot,name=org.cloud.boot.0",
                "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci",
            ];
            if (image.GetProperty("Initrd").ValueKind == JsonValueKind.String)
            {
                arguments.AddRange(["-initrd", At("Initrd")]);
            }

            var since = Stopwatch.GetTimestamp();
            using var qemu = Process.Start(new ProcessStartInfo("qemu-system-x86_64", arguments) { RedirectStandardError = true })!;
            while (!File.Exists(report) || !(await File.ReadAllTextAsync(report)).Contains("\"ready\"", StringComparison.Ordinal))
            {
                if (qemu.HasExited || Stopwatch.GetElapsedTime(since) > Limit)
                {
                    throw new InvalidOperationException($"The bare guest did not get ready: {await qemu.StandardError.ReadToEndAsync()}");
                }

                await Task.Delay(5);
            }

            var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
            var spent = CloudUnderMeasure.CpuSecondsOf(qemu.Id);
            qemu.Kill();
            await qemu.WaitForExitAsync();
            return (took, spent);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
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
