using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Tests.Boot;

namespace Cloud.Vmm.RiscV.Tests.Runner;

/// <summary>The program as a process, driven by QMP as the QEMU driver does.</summary>
public sealed class CloudVmmTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-vmm-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Guest_StartedStopped_RunsByContAndStaysAfterItsShutdownUntilQuit()
    {
        await File.WriteAllBytesAsync(At("payload"), Payload.Build(), TestContext.Current.CancellationToken);
        using Process process = Start(
            "-S", "-action", "shutdown=pause", "-m", "32M", "-kernel", At("payload"),
            "-qmp", $"unix:{At("qmp.sock")}", "-serial", $"file:{At("console")}");
        try
        {
            using StreamReader reader = await ConnectAsync(At("qmp.sock"));
            var writer = new StreamWriter(reader.BaseStream) { AutoFlush = true };
            (await ReadAsync(reader))["QMP"].ShouldNotBeNull();
            await CallAsync(reader, writer, "qmp_capabilities");
            (await CallAsync(reader, writer, "query-status"))["return"]!["status"]!.GetValue<string>().ShouldBe("prelaunch");
            (await CallAsync(reader, writer, "no-such-command"))["error"]!["class"]!.GetValue<string>().ShouldBe("CommandNotFound");
            await CallAsync(reader, writer, "cont");
            JsonObject shutdown = await EventAsync(reader, "SHUTDOWN");
            shutdown["data"]!["reason"]!.GetValue<string>().ShouldBe("guest-shutdown");
            await EventAsync(reader, "STOP");
            (await CallAsync(reader, writer, "query-status"))["return"]!["status"]!.GetValue<string>().ShouldBe("shutdown");
            await CallAsync(reader, writer, "quit");
            await process.WaitForExitAsync(TestContext.Current.CancellationToken)
                .WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            process.ExitCode.ShouldBe(0);
            (await File.ReadAllTextAsync(At("console"), TestContext.Current.CancellationToken)).ShouldContain(Payload.Line);
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>The guest prints a digit each time it is asked, and counts in its memory: it goes on in another process.</summary>
    [Fact]
    public async Task Guest_ThatMovesToAnotherProcess_GoesOnThere()
    {
        byte[] program = new Asm().Li(5, MemoryMap.Uart).Li(6, '0')
            .Label("wait").I(Op.Lbu, 7, 5, 5).I(Op.Andi, 7, 7, 1).Branch(Op.Beq, 7, 0, "wait").I(Op.Lbu, 7, 5, 0)
            .I(Op.Addi, 6, 6, 1).S(Op.Sb, 6, 5, 0).Jump(0, "wait").Build();
        await File.WriteAllBytesAsync(At("program"), program, TestContext.Current.CancellationToken);
        string[] board = ["-m", "32M", "-bios", "none", "-kernel", At("program"), "-device", "virtio-rng-device"];
        using Process first = Start([.. board, "-qmp", $"unix:{At("first.qmp")}", "-serial", $"unix:{At("first")}"]);
        using Process second = Start(
            [.. board, "-qmp", $"unix:{At("second.qmp")}", "-serial", $"unix:{At("second")}", "-incoming", $"unix:{At("moves")}"]);
        try
        {
            using StreamReader serial = await ConnectAsync(At("first"));
            (await AskAsync(serial)).ShouldBe('1');
            (await AskAsync(serial)).ShouldBe('2');
            using StreamReader secondMonitor = await ConnectAsync(At("second.qmp"));
            await ReadAsync(secondMonitor);
            var toSecond = new StreamWriter(secondMonitor.BaseStream) { AutoFlush = true };
            await CallAsync(secondMonitor, toSecond, "qmp_capabilities");
            (await CallAsync(secondMonitor, toSecond, "query-status"))["return"]!["status"]!.GetValue<string>().ShouldBe("inmigrate");

            using StreamReader firstMonitor = await ConnectAsync(At("first.qmp"));
            await ReadAsync(firstMonitor);
            var toFirst = new StreamWriter(firstMonitor.BaseStream) { AutoFlush = true };
            await CallAsync(firstMonitor, toFirst, "qmp_capabilities");
            var move = new JsonObject { ["execute"] = "migrate", ["arguments"] = new JsonObject { ["uri"] = $"unix:{At("moves")}" } };
            await toFirst.WriteLineAsync(move.ToJsonString());
            await EventAsync(firstMonitor, "STOP");
            await EventAsync(secondMonitor, "RESUME");
            (await CallAsync(firstMonitor, toFirst, "query-status"))["return"]!["running"]!.GetValue<bool>().ShouldBeFalse();

            using StreamReader there = await ConnectAsync(At("second"));
            (await AskAsync(there)).ShouldBe('3');
        }
        finally
        {
            first.Kill();
            second.Kill();
        }

        static async Task<char> AskAsync(StreamReader serial)
        {
            await serial.BaseStream.WriteAsync("?"u8.ToArray(), TestContext.Current.CancellationToken);
            byte[] answer = new byte[1];
            await serial.BaseStream.ReadExactlyAsync(answer, TestContext.Current.CancellationToken);
            return (char)answer[0];
        }
    }

    [Fact]
    public async Task DeviceThatIsNotKnown_EndsTheProcessWithOneLine()
    {
        using Process process = Start("-device", "warp-drive");
        string said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(1);
        said.Trim().ShouldBe("cloud-vmm: The device 'warp-drive' is not known.");
    }

    private static async Task<JsonObject> ReadAsync(StreamReader reader)
    {
        string? line = await reader.ReadLineAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        return JsonNode.Parse(line ?? throw new EndOfStreamException())!.AsObject();
    }

    private static async Task<JsonObject> CallAsync(StreamReader reader, StreamWriter writer, string command)
    {
        await writer.WriteLineAsync($$"""{"execute":"{{command}}","id":1}""");
        while (true)
        {
            JsonObject message = await ReadAsync(reader);
            if (!message.ContainsKey("event"))
            {
                message["id"]!.GetValue<int>().ShouldBe(1);
                return message;
            }
        }
    }

    private static async Task<JsonObject> EventAsync(StreamReader reader, string name)
    {
        while (true)
        {
            JsonObject message = await ReadAsync(reader);
            if (message["event"]?.GetValue<string>() == name)
            {
                return message;
            }
        }
    }

    private static async Task<StreamReader> ConnectAsync(string path)
    {
        var limit = Stopwatch.StartNew();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), TestContext.Current.CancellationToken);
                return new StreamReader(new NetworkStream(socket, ownsSocket: true));
            }
            catch (SocketException) when (limit.Elapsed < TimeSpan.FromSeconds(30))
            {
                socket.Dispose();
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }

    private Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, WorkingDirectory = _folder };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "cloud-vmm.dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
