using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Cloud.Benchmarks;

/// <summary>
/// The simulator beside <c>qemu-system-riscv64</c> (TCG): the same kernel, disk and program on both, in turns. What is compared is CPU
/// seconds of the whole process; of two harts and of a restore, wall.
/// </summary>
internal static class SimulatorBenchmark
{
    private const long MebibytesOfGuest = BareBoard.GuestBytes >> 20;
    private const string Work = "integer:20 memory:1 float:400";
    private static readonly string[] Kinds = ["integer", "memory", "float"];
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    /// <param name="kernel">The kernel's file.</param>
    /// <param name="parts">Those of "speed", "interpreter", "start", "rest", "restore", "harts" to measure; none for all.</param>
    public static async Task RunAsync(string kernel, string[] parts, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var guest = new Guest(kernel, await MakeDiskAsync(folder), folder);
            (string Name, Func<Task> Measure)[] all =
            [
                ("speed", () => SpeedAsync(guest, rounds)), ("interpreter", () => InterpreterAsync(guest, rounds)),
                ("start", () => FirstInstructionAsync(folder, rounds)), ("rest", () => RestAsync(guest)),
                ("restore", () => RestoreAsync(guest, rounds)), ("harts", () => HartsAsync(guest, rounds)),
            ];
            foreach (var (_, measure) in all.Where(part => parts.Length == 0 || parts.Contains(part.Name)))
            {
                await measure();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task SpeedAsync(Guest guest, int rounds)
    {
        var (ours, qemus) = (new List<Dictionary<string, double>>(), new List<Dictionary<string, double>>());
        for (var round = 0; round <= rounds; round++)
        {
            await using (var qemu = BareBoard.StartQemu(guest.Line(1, Work)))
            {
                qemus.Add(await WorkAsync(qemu));
            }

            await using var simulator = BareBoard.StartSimulator(guest.Line(1, Work));
            ours.Add(await WorkAsync(simulator));
        }

        foreach (var kind in (string[])["start", .. Kinds])
        {
            var (own, other) = (ours.Skip(1).Select(run => run[kind]).ToList(), qemus.Skip(1).Select(run => run[kind]).ToList());
            Figures.Print(kind == "start" ? "start to init, CPU" : $"{kind} kernel, CPU", own, "s");
            Figures.Print("  qemu-system-riscv64", other, "s");
            Figures.PrintRatio("  of QEMU's speed", Figures.Median(other.Zip(own, (theirs, mine) => theirs / mine)));
        }
    }

    /// <summary>CPU seconds from the process's start to the guest's first line, and of each kind of work.</summary>
    private static async Task<Dictionary<string, double>> WorkAsync(BareBoard board)
    {
        var spent = new Dictionary<string, double> { ["start"] = (await board.AwaitAsync("@up")).Cpu };
        foreach (var kind in Kinds)
        {
            var begun = await board.AwaitAsync($"@begin {kind}");
            spent[kind] = (await board.AwaitAsync($"@end {kind}")).Cpu - begun.Cpu;
        }

        return spent;
    }

    private static async Task InterpreterAsync(Guest guest, int rounds)
    {
        var (rates, starts) = (new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            await using var board = BareBoard.StartSimulator([.. guest.Line(1, "integer:4"), "-accel", "sim,translate=off"]);
            starts.Add((await board.AwaitAsync("@up")).Cpu);
            var begun = await board.AwaitAsync("@begin");
            var before = await board.InstructionsAsync();
            var ended = await board.AwaitAsync("@end");
            rates.Add((await board.InstructionsAsync() - before) / (ended.Cpu - begun.Cpu) / 1e6);
        }

        Figures.Print("interpreter, start to init, CPU", starts, "s");
        Figures.Print("interpreter, integer kernel, instructions", rates, "million/CPU s");
    }

    /// <summary>A program of five instructions instead of firmware and kernel prints a line.</summary>
    private static async Task FirstInstructionAsync(string folder, int rounds)
    {
        // lui t0, 0x10000; li t1, '\n'; sb t1, 0(t0); wfi; j .-4
        uint[] code = [0x100002B7, 0x00A00313, 0x00628023, 0x10500073, 0xFFDFF06F];
        var bytes = new byte[code.Length * sizeof(uint)];
        for (var i = 0; i < code.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)), code[i]);
        }

        var program = Path.Combine(folder, "first");
        await File.WriteAllBytesAsync(program, bytes);
        var (own, other) = (new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            await using (var qemu = BareBoard.StartQemu("-M", "virt", "-m", "128M", "-bios", program))
            {
                other.Add((await qemu.AwaitAsync("")).Cpu);
            }

            await using var simulator = BareBoard.StartSimulator("-M", "virt", "-m", "128M", "-bios", program);
            own.Add((await simulator.AwaitAsync("")).Cpu);
        }

        Figures.Print("process to the guest's first instructions, CPU", [.. own.Skip(1)], "s");
        Figures.Print("  qemu-system-riscv64", [.. other.Skip(1)], "s");
    }

    private static async Task RestAsync(Guest guest)
    {
        foreach (var (name, start) in (IEnumerable<(string, Func<IEnumerable<string>, BareBoard>)>)
            [("simulator", BareBoard.StartSimulator), ("qemu-system-riscv64", BareBoard.StartQemu)])
        {
            await using var board = start(guest.Line(1, "integer:4", memoryInAFile: true));
            await board.AwaitAsync("@rest");
            await Task.Delay(Settle);
            var memory = board.MebibytesBesideGuest();
            var (cpu, since) = (board.Cpu, Stopwatch.GetTimestamp());
            await Task.Delay(Rest);
            var used = (board.Cpu - cpu) / Stopwatch.GetElapsedTime(since).TotalSeconds * 100;
            Figures.Print($"{name}: memory beside the guest's", [memory], "MiB");
            Figures.Print($"{name}: an idle guest", [used], "% of a core");
        }
    }

    /// <summary>From the command to the running guest, in a process that waits for it.</summary>
    private static async Task RestoreAsync(Guest guest, int rounds)
    {
        var state = Path.Combine(guest.Folder, "state");
        await using (var board = BareBoard.StartSimulator(guest.Line(1, "integer:1")))
        {
            await board.AwaitAsync("@rest");
            using var file = File.OpenHandle(state, FileMode.Create, FileAccess.ReadWrite);
            var qmp = await board.QmpAsync();
            await qmp.ExecuteAsync("getfd", new JsonObject { ["fdname"] = "state" }, file, CancellationToken.None);
            await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = "fd:state" }, CancellationToken.None);
            while ((await qmp.ExecuteAsync("query-migrate", null, CancellationToken.None)).GetProperty("status").GetString() != "completed")
            {
                await Task.Delay(10);
            }
        }

        var (wall, whole, cpu) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round <= rounds; round++)
        {
            // The descriptor of a file that a shell opened is the process's own.
            await using var board = BareBoard.StartSimulatorWith(state, [.. guest.Line(1, "integer:1"), "-incoming", "defer"]);
            var qmp = await board.QmpAsync();
            var (before, since) = (board.Cpu, Stopwatch.GetTimestamp());
            await qmp.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = "fd:3" }, CancellationToken.None);
            var running = await board.EventAsync("RESUME");
            wall.Add(Stopwatch.GetElapsedTime(since, running).TotalMilliseconds);
            whole.Add(Stopwatch.GetElapsedTime(board.Started, running).TotalMilliseconds);
            cpu.Add((board.Cpu - before) * 1000);
        }

        Figures.Print($"restore of {MebibytesOfGuest} MiB, the command to running, wall", [.. wall.Skip(1)], "ms");
        Figures.Print("  CPU", [.. cpu.Skip(1)], "ms");
        Figures.Print("  from the process's start, wall", [.. whole.Skip(1)], "ms");
    }

    /// <summary>Twice the work on two harts, in how much of the time that it takes on one.</summary>
    private static async Task HartsAsync(Guest guest, int rounds)
    {
        foreach (var (name, start) in (IEnumerable<(string, Func<IEnumerable<string>, BareBoard>)>)
            [("simulator", BareBoard.StartSimulator), ("qemu-system-riscv64", BareBoard.StartQemu)])
        {
            var times = new List<double>();
            for (var round = 0; round < rounds; round++)
            {
                await using var board = start(guest.Line(2, "integer:1 integer:15 pair:15"));
                await board.AwaitAsync("@end integer");
                var one = await SecondsAsync(board, "integer");
                times.Add(2 * one / await SecondsAsync(board, "pair"));
            }

            Figures.Print($"{name}: two harts, of one's speed", times, "times");
        }
    }

    private static async Task<double> SecondsAsync(BareBoard board, string kind)
    {
        var begun = await board.AwaitAsync($"@begin {kind}");
        return Stopwatch.GetElapsedTime(begun.At, (await board.AwaitAsync($"@end {kind}")).At).TotalSeconds;
    }

    /// <summary>A root file system with nothing but the guest's program.</summary>
    private static async Task<string> MakeDiskAsync(string folder)
    {
        var root = Directory.CreateDirectory(Path.Combine(folder, "root")).FullName;
        Directory.CreateDirectory(Path.Combine(root, "dev"));
        var source = Path.Combine(Environment.CurrentDirectory, "tests", "benchmarks", "simulator-guest.c");
        await RunAsync("riscv64-linux-gnu-gcc", "-O2", "-fno-math-errno", "-static", "-o", Path.Combine(root, "init"), source);
        var disk = Path.Combine(folder, "root.img");
        await RunAsync("mke2fs", "-q", "-t", "ext4", "-d", root, disk, "8M");
        return disk;
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

    private sealed record Guest(string Kernel, string Disk, string Folder)
    {
        private static readonly string[] InAFile =
        [
            "-M", "virt,memory-backend=ram",
            "-object", $"memory-backend-file,id=ram,size={BareBoard.GuestBytes},mem-path=MEMORY,share=on",
        ];

        /// <summary>The board's line, the same for both.</summary>
        /// <param name="work">What the guest's program is told to do.</param>
        /// <param name="memoryInAFile">Whether the guest's memory is told apart from the process's.</param>
        public IEnumerable<string> Line(int harts, string work, bool memoryInAFile = false) =>
        [
            .. memoryInAFile ? InAFile : ["-M", "virt"],
            "-m", $"{MebibytesOfGuest}M", "-smp", harts.ToString(CultureInfo.InvariantCulture), "-kernel", Kernel,
            "-append", $"console=ttyS0 loglevel=1 root=/dev/vda ro rootfstype=ext4 init=/init -- {work}",
            "-blockdev", $"driver=file,node-name=file,filename={Disk},read-only=on",
            "-blockdev", "driver=raw,node-name=disk,file=file,read-only=on", "-device", "virtio-blk-device,drive=disk",
        ];
    }
}
