using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cloud.Benchmarks;

/// <summary>
/// An idle guest of 256 MiB that goes to another host and back, beside two bare <c>qemu-system-x86_64</c> that do the same by hand: the
/// disk mirrored over NBD, then the memory. The cloud needs two hosts (<c>up.sh --hosts 2</c>).
/// </summary>
internal static class MigrationBenchmark
{
    /// <summary>Writes 32 MiB of its memory over and over, as fast as it can.</summary>
    private const string Writer =
        """
        #!/bin/sh
        cd /dev/shm && dd if=/dev/urandom of=from bs=1M count=32 && cp from to
        (while :; do dd if=from of=to bs=1M conv=notrunc 2> /dev/null; done) > /dev/null 2>&1 &
        """;

    /// <summary>Moves that are not counted: a cloud that runs has made some.</summary>
    private const int WarmUps = 10;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(3);

    public static async Task RunAsync(CloudUnderMeasure cloud, int rounds)
    {
        using var response = await cloud.Http.PostAsJsonAsync(
            "/v1/instances?wait=300", new { name = "bench-migration", image = "tiny", type = "micro", userData = "#!/bin/sh\necho ready" });
        response.EnsureSuccessStatusCode();
        var id = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        var (wall, total, down) = (new List<double>(), new List<double>(), new List<double>());
        var (bareTotal, bareDown) = (new List<double>(), new List<double>());
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            for (var move = 0; move < WarmUps; move++)
            {
                using var moved = await cloud.Http.PostAsJsonAsync($"/v1/instances/{id}/migrate?wait=60", new { });
                moved.EnsureSuccessStatusCode();
            }

            for (var round = 0; round < rounds; round++)
            {
                var since = Stopwatch.GetTimestamp();
                using var moved = await cloud.Http.PostAsJsonAsync($"/v1/instances/{id}/migrate?wait=60", new { });
                moved.EnsureSuccessStatusCode();
                var took = Stopwatch.GetElapsedTime(since).TotalSeconds;
                var progress = (await cloud.Http.GetFromJsonAsync<JsonElement>($"/v1/instances/{id}/migration")).GetProperty("progress");
                var bare = await RunBareAsync(cloud, id, folder);
                wall.Add(took);
                total.Add(progress.GetProperty("totalSeconds").GetDouble());
                down.Add(progress.GetProperty("downtimeSeconds").GetDouble());
                bareTotal.Add(bare.Total);
                bareDown.Add(bare.Down);
            }
        }
        finally
        {
            await cloud.DeleteInstanceAsync(id);
            Directory.Delete(folder, recursive: true);
        }

        Figures.Print("POST migrate to running, wall", wall, "s");
        Figures.Print("of it the move itself", total, "s");
        Figures.Print("two bare qemu-system-x86_64 by hand", bareTotal, "s");
        Figures.PrintRatio("the move / by hand", Figures.Median(total.Zip(bareTotal, (a, b) => a / b)));
        Figures.Print("the guest stood still", down, "s");
        Figures.Print("under the bare ones", bareDown, "s");
        Figures.PrintRatio("stood still / under the bare ones", Figures.Median(down.Zip(bareDown, (a, b) => a / b)));
    }

    /// <summary>A guest that writes its memory faster than can be copied goes there and back.</summary>
    public static async Task RunWriterAsync(CloudUnderMeasure cloud, int rounds)
    {
        using var response = await cloud.Http.PostAsJsonAsync(
            "/v1/instances?wait=300", new { name = "bench-writer", image = "tiny", type = "micro", userData = Writer });
        response.EnsureSuccessStatusCode();
        var id = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        var (total, down) = (new List<double>(), new List<double>());
        try
        {
            for (var round = 0; round < rounds; round++)
            {
                using var moved = await cloud.Http.PostAsJsonAsync($"/v1/instances/{id}/migrate?wait=120", new { timeoutSeconds = 5 });
                moved.EnsureSuccessStatusCode();
                var migration = await cloud.Http.GetFromJsonAsync<JsonElement>($"/v1/instances/{id}/migration");
                if (migration.GetProperty("status").GetString() != "succeeded")
                {
                    Console.WriteLine($"It stayed: {migration.GetProperty("reason")}");
                    continue;
                }

                var progress = migration.GetProperty("progress");
                total.Add(progress.GetProperty("totalSeconds").GetDouble());
                down.Add(progress.GetProperty("downtimeSeconds").GetDouble());
            }
        }
        finally
        {
            await cloud.DeleteInstanceAsync(id);
        }

        Figures.Print("a guest that writes all the time: the move", total, "s");
        Figures.Print("it stood still", down, "s");
    }

    private static async Task<(double Total, double Down)> RunBareAsync(CloudUnderMeasure cloud, string id, string folder)
    {
        var spec = JsonDocument.Parse(await File.ReadAllTextAsync(cloud.FileOf(id, "guest.json"))).RootElement;
        var report = Path.Combine(folder, "boot.jsonl");
        File.Delete(report);
        using var here = await BareQemu.StartAsync(spec, folder, "here", report, incoming: false);
        while (!File.Exists(report) || !(await File.ReadAllTextAsync(report)).Contains("\"ready\"", StringComparison.Ordinal))
        {
            await Task.Delay(Look);
        }

        await Task.Delay(TimeSpan.FromSeconds(2));
        using var there = await BareQemu.StartAsync(spec, folder, "there", Path.Combine(folder, "there.jsonl"), incoming: true);
        var nbd = Path.Combine(folder, "nbd");
        File.Delete(nbd);
        await there.AskAsync("nbd-server-start", Json($$"""{"addr":{"type":"unix","data":{"path":"{{nbd}}"} } }"""));
        await there.AskAsync("block-export-add", Json("""{"type":"nbd","id":"e","name":"root","node-name":"root","writable":true}"""));
        var since = Stopwatch.GetTimestamp();
        await here.AskAsync(
            "blockdev-add", Json($$"""{"driver":"nbd","node-name":"m","export":"root","server":{"type":"unix","path":"{{nbd}}"} }"""));
        await here.AskAsync(
            "blockdev-mirror",
            Json("""{"job-id":"m","device":"root","target":"m","sync":"top","copy-mode":"write-blocking","auto-dismiss":false}"""));
        while ((await here.AskAsync("query-jobs")).EnumerateArray().Single().GetProperty("status").GetString() != "ready")
        {
            await Task.Delay(Look);
        }

        await here.AskAsync(
            "migrate-set-capabilities", Json("""{"capabilities":[{"capability":"pause-before-switchover","state":true}]}"""));
        await here.AskAsync("migrate-set-parameters", Json("""{"max-bandwidth":1099511627776,"downtime-limit":50}"""));
        var socket = Path.Combine(folder, "incoming");
        File.Delete(socket);
        await there.AskAsync("migrate-incoming", Json($$"""{"uri":"unix:{{socket}}"}"""));
        await here.AskAsync("migrate", Json($$"""{"uri":"unix:{{socket}}"}"""));
        var switches = false;
        while ((await here.AskAsync("query-migrate")).GetProperty("status").GetString() is var status && status != "completed")
        {
            if (status == "pre-switchover" && !switches)
            {
                switches = true;
                await here.AskAsync("block-job-cancel", Json("""{"device":"m"}"""));
                while ((await here.AskAsync("query-jobs")).EnumerateArray().Single().GetProperty("status").GetString() != "concluded")
                {
                    await Task.Delay(Look);
                }

                await here.AskAsync("migrate-continue", Json("""{"state":"pre-switchover"}"""));
            }

            await Task.Delay(Look);
        }

        while ((await there.AskAsync("query-status")).GetProperty("status").GetString() == "inmigrate")
        {
            await Task.Delay(Look);
        }

        await there.AskAsync("nbd-server-stop");
        await there.AskAsync("cont");
        return (Stopwatch.GetElapsedTime(since).TotalSeconds, (there.RunsSince - here.StoppedAt).TotalSeconds);
    }

    private static JsonNode Json(string text) => JsonNode.Parse(text)!;

    /// <summary>A QEMU with nothing around it, and its QMP.</summary>
    private sealed class BareQemu : IDisposable
    {
        private readonly Process _process;
        private readonly StreamReader _reader;
        private readonly StreamWriter _writer;

        private BareQemu(Process process, Stream qmp)
        {
            _process = process;
            _reader = new StreamReader(qmp);
            _writer = new StreamWriter(qmp) { AutoFlush = true };
        }

        /// <summary>When its guest stood still, as QEMU's own event says.</summary>
        public DateTimeOffset StoppedAt { get; private set; }

        /// <summary>When it went on, likewise.</summary>
        public DateTimeOffset RunsSince { get; private set; }

        public static async Task<BareQemu> StartAsync(JsonElement spec, string folder, string name, string report, bool incoming)
        {
            var image = spec.GetProperty("Image");
            string At(string property) => Path.Combine(image.GetProperty("Folder").GetString()!, image.GetProperty(property).GetString()!);
            var disk = Path.Combine(folder, $"{name}.qcow2");
            File.Delete(disk);
            using (var made = Process.Start("qemu-img", [
                "create", "-q", "-f", "qcow2", "-b", At("Disk"), "-F", image.GetProperty("DiskFormat").GetString()!, disk,
                $"{spec.GetProperty("RootDiskBytes").GetInt64()}"]))
            {
                await made.WaitForExitAsync();
            }

            var qmp = Path.Combine(folder, $"{name}.qmp");
            File.Delete(qmp);
            List<string> arguments =
            [
                "-machine", "pc,accel=tcg", "-nodefaults", "-no-user-config", "-display", "none",
                "-smp", $"{spec.GetProperty("Vcpus").GetInt32()}", "-m", $"size={(spec.GetProperty("MemoryBytes").GetInt64() >> 10) - 8}K",
                "-kernel", At("Kernel"), "-append", image.GetProperty("CommandLine").GetString()!,
                "-blockdev", $$"""{"driver":"qcow2","node-name":"root","file":{"driver":"file","filename":"{{disk}}"} }""",
                "-device", "virtio-blk-pci,drive=root,serial=root", "-device", "virtio-serial-pci",
                "-chardev", $"file,id=boot,path={report}", "-device", "virtserialport,chardev=boot,name=org.cloud.boot.0",
                "-serial", "null", "-device", "virtio-rng-pci", "-qmp", $"unix:{qmp},server=on,wait=off",
            ];
            if (image.GetProperty("Initrd").ValueKind == JsonValueKind.String)
            {
                arguments.AddRange(["-initrd", At("Initrd")]);
            }

            if (incoming)
            {
                arguments.AddRange(["-incoming", "defer", "-S"]);
            }

            var process = Process.Start("qemu-system-x86_64", arguments);
            while (!File.Exists(qmp) && !process.HasExited)
            {
                await Task.Delay(Look);
            }

            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(qmp));
            var started = new BareQemu(process, new NetworkStream(socket, ownsSocket: true));
            await started._reader.ReadLineAsync();
            await started.AskAsync("qmp_capabilities");
            return started;
        }

        public async Task<JsonElement> AskAsync(string command, JsonNode? arguments = null)
        {
            var message = new JsonObject { ["execute"] = command };
            if (arguments is not null)
            {
                message["arguments"] = arguments;
            }

            await _writer.WriteLineAsync(message.ToJsonString());
            while (true)
            {
                var answer = JsonDocument.Parse(
                    await _reader.ReadLineAsync() ?? throw new IOException("The bare QEMU has ended.")).RootElement;
                TakeEvent(answer);

                if (answer.TryGetProperty("return", out var returned))
                {
                    return returned;
                }

                if (answer.TryGetProperty("error", out _))
                {
                    throw new InvalidOperationException($"{command}: {answer}");
                }
            }
        }

        private void TakeEvent(JsonElement message)
        {
            if (!message.TryGetProperty("event", out var happened))
            {
                return;
            }

            var at = message.GetProperty("timestamp");
            var time = DateTimeOffset.FromUnixTimeSeconds(at.GetProperty("seconds").GetInt64())
                .AddMicroseconds(at.GetProperty("microseconds").GetInt64());
            switch (happened.GetString())
            {
                case "STOP":
                    StoppedAt = time;
                    break;
                case "RESUME":
                    RunsSince = time;
                    break;
            }
        }

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
            _writer.Dispose();
        }
    }
}
