using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Benchmarks;

/// <summary>A line that a guest printed, with what its process had used by then.</summary>
/// <param name="Text">Without its end.</param>
/// <param name="Cpu">CPU seconds of the process, from its start.</param>
/// <param name="At">A timestamp of <see cref="Stopwatch"/>.</param>
internal sealed record Mark(string Text, double Cpu, long At);

/// <summary>A <c>virt</c> board as a process with nothing around it, its first serial port on its output: QEMU's, or ours.</summary>
internal sealed class BareBoard : IAsyncDisposable
{
    /// <summary>The guest's memory.</summary>
    public const long GuestBytes = 128L << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
    private readonly Channel<Mark> _marks = Channel.CreateUnbounded<Mark>();
    private readonly Channel<(string Name, long At)> _events = Channel.CreateUnbounded<(string, long)>();
    private QmpClient? _qmp;

    private BareBoard(IEnumerable<string> command)
    {
        Memory = Path.Combine("/dev/shm", Path.GetFileName(_folder));
        List<string> line = [.. command, "-qmp", $"unix:{Path.Combine(_folder, "qmp")},server=on,wait=off"];
        var arguments = line.Skip(1).Select(word => word.Replace("MEMORY", Memory, StringComparison.Ordinal));
        using (var memory = File.Create(Memory))
        {
            memory.SetLength(GuestBytes);
        }

        var since = Stopwatch.GetTimestamp();
        _process = Process.Start(new ProcessStartInfo(line[0], arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            Environment = { ["DOTNET_EnableDiagnostics"] = "0" },
        })!;
        Started = since;
        _ = Task.Factory.StartNew(ReadMarks, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>The program of ours, as it was built beside this one.</summary>
    public static string Simulator { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Cloud.Vmm.Runner",
        Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "cloud-vmm.dll"));

    /// <summary>When the process was started, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public long Started { get; }

    public int Id => _process.Id;

    /// <summary>The file that is the guest's memory, where the line has "mem-path=MEMORY".</summary>
    public string Memory { get; }

    public static BareBoard StartQemu(params IEnumerable<string> arguments) => new(
        ["qemu-system-riscv64", "-accel", "tcg,thread=multi", "-nodefaults", "-display", "none", "-serial", "stdio", .. arguments]);

    public static BareBoard StartSimulator(params IEnumerable<string> arguments) =>
        new(["dotnet", Simulator, "-serial", "stdio", .. arguments]);

    /// <summary>The same with a file open as its descriptor 3.</summary>
    public static BareBoard StartSimulatorWith(string file, params IEnumerable<string> arguments) => new(
        ["bash", "-c", "exec 3< $0; exec \"$@\"", file, "dotnet", Simulator, "-serial", "stdio", .. arguments]);

    /// <summary>CPU seconds of all threads that are there, by the scheduler's own count in nanoseconds.</summary>
    public double Cpu => Directory.EnumerateDirectories($"/proc/{Id}/task").Sum(NanosecondsOf) / 1e9;

    /// <summary>The next line that begins so.</summary>
    public async Task<Mark> AwaitAsync(string beginning)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            var mark = await _marks.Reader.ReadAsync(limit.Token);
            if (mark.Text.StartsWith(beginning, StringComparison.Ordinal))
            {
                return mark;
            }
        }
    }

    /// <summary>The process's memory (its share of what it shares) without the file that is its guest's, in MiB.</summary>
    public double MebibytesBesideGuest()
    {
        var (kibibytes, counts) = (0L, true);
        foreach (var line in File.ReadLines($"/proc/{Id}/smaps"))
        {
            if (line[0] is (>= '0' and <= '9') or (>= 'a' and <= 'f'))
            {
                counts = !line.Contains(Memory, StringComparison.Ordinal);
            }
            else if (counts && line.StartsWith("Pss:", StringComparison.Ordinal))
            {
                kibibytes += long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
            }
        }

        return kibibytes / 1024.0;
    }

    public async Task<QmpClient> QmpAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        while (_qmp is null)
        {
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(Path.Combine(_folder, "qmp")), limit.Token);
                _qmp = await QmpClient.OpenAsync(
                    new NetworkStream(socket, ownsSocket: true),
                    TimeProvider.System,
                    told => _events.Writer.TryWrite((told.Name, Stopwatch.GetTimestamp())),
                    limit.Token);
            }
            catch (SocketException) when (!_process.HasExited)
            {
                await Task.Delay(1, limit.Token);
            }
        }

        return _qmp;
    }

    /// <summary>When the next event of a name came, as a timestamp of <see cref="Stopwatch"/>.</summary>
    public async Task<long> EventAsync(string name)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            var told = await _events.Reader.ReadAsync(limit.Token);
            if (told.Name == name)
            {
                return told.At;
            }
        }
    }

    /// <summary>Instructions that the harts have retired.</summary>
    public async Task<double> InstructionsAsync()
    {
        var qmp = await QmpAsync();
        var stats = await qmp.ExecuteAsync("query-stats", new JsonObject { ["target"] = "vcpu" }, CancellationToken.None);
        return stats.EnumerateArray().SelectMany(hart => hart.GetProperty("stats").EnumerateArray())
            .Where(one => one.GetProperty("name").GetString() == "instruction").Sum(one => one.GetProperty("value").GetDouble());
    }

    public async ValueTask DisposeAsync()
    {
        if (_qmp is not null)
        {
            await _qmp.DisposeAsync();
        }

        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
        File.Delete(Memory);
    }

    private static double NanosecondsOf(string thread)
    {
        try
        {
            return double.Parse(File.ReadAllText(Path.Combine(thread, "schedstat")).Split(' ')[0], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended since.
            return 0;
        }
    }

    private void ReadMarks()
    {
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            _marks.Writer.TryWrite(new Mark(line.TrimEnd('\r'), _process.HasExited ? 0 : Cpu, Stopwatch.GetTimestamp()));
        }

        _marks.Writer.Complete();
    }
}
