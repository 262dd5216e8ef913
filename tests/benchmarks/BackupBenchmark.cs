using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.FileSystems;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Benchmarks;

/// <summary>
/// A vault beside restic, on the same volume in the same run: half of it text, 30 % noise, 20 % zeros. Processor time is the process's
/// own, and what the kernel counts of a child that has ended.
/// </summary>
internal static class BackupBenchmark
{
    private const int BlockBytes = ChunkTree.ChunkBytes;

    /// <summary>Each call that reaches the file goes by way of another thread.</summary>
    private const int BufferBytes = 1024 * 1024;
    private const int ChangedBlocks = 320;
    private const int Children = -1;
    private const long IdleBytes = 10L << 30;
    private const int Points = 1000;
    private const int BlocksPerPoint = 4;
    private static readonly CancellationToken None = CancellationToken.None;

    public static async Task RunAsync(long sizeBytes)
    {
        var folder = Directory.CreateTempSubdirectory("cloud-bench-").FullName;
        try
        {
            var volume = Path.Combine(folder, "volume");
            var random = new Random(1);
            await FillAsync(volume, sizeBytes, random);
            Environment.SetEnvironmentVariable("RESTIC_PASSWORD", "bench");
            Environment.SetEnvironmentVariable("RESTIC_REPOSITORY", Path.Combine(folder, "restic"));
            await ResticAsync("init", "-q");
            var resticFull = await MeasuredResticAsync(folder, "backup", "-q", volume);
            using var vault = await Vault.CreateAsync(
                new FolderStorage(Path.Combine(folder, "vault")), VaultKey.Create(), "vault-bench", None);
            var (full, first) = await BackUpAsync(vault, "rp-full", volume, [new ByteRun(0, sizeBytes)], null);
            var gibibytes = sizeBytes / (double)(1L << 30);
            Compare("full, processor time a GiB", full.Seconds / gibibytes, resticFull.Seconds / gibibytes, "s");
            Compare("full, stored", full.Stored / 1e6, resticFull.Stored / 1e6, "MB");

            var runs = await ChangeAsync(volume, sizeBytes, random, ChangedBlocks);
            var changed = (double)runs.Sum(run => run.Length);
            var resticNext = await MeasuredResticAsync(folder, "backup", "-q", volume);
            var (next, last) = await BackUpAsync(vault, "rp-next", volume, runs, first);
            Compare("20 MB changed, processor time", next.Seconds, resticNext.Seconds, "s");
            Compare("20 MB changed, stored", next.Stored / 1e6, resticNext.Stored / 1e6, "MB");
            Print("20 MB changed, read for each byte", next.Read / changed, "bytes");
            Print("20 MB changed, stored for each byte", next.Stored / changed, "bytes");

            var resticBack = await MeasuredResticAsync(folder, "restore", "-q", "latest", "--target", Path.Combine(folder, "back"));
            Directory.Delete(Path.Combine(folder, "back"), recursive: true);
            var back = await RestoreAsync(vault, "rp-next", Path.Combine(folder, "restored"));
            Compare("restore, processor time a GiB", back / gibibytes, resticBack.Seconds / gibibytes, "s");
            await RequireSameAsync(volume, Path.Combine(folder, "restored"));
            File.Delete(Path.Combine(folder, "restored"));
            await IdleAsync(vault, volume);
            await OneFileAsync(vault, folder);
            await PruneAsync(vault, last, volume, random);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task FillAsync(string path, long sizeBytes, Random random)
    {
        await using var file = File.Create(path);
        var words = Enumerable.Range(0, 4000)
            .Select(_ => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(random.Next(1, 6)))).ToArray();
        var block = new byte[BlockBytes];
        for (var at = 0L; at < sizeBytes; at += BlockBytes)
        {
            var kind = random.Next(10);
            if (kind < 5)
            {
                var text = new StringBuilder();
                while (text.Length < BlockBytes)
                {
                    text.Append(words[random.Next(words.Length)]).Append(' ');
                }

                Encoding.ASCII.GetBytes(text.ToString(0, BlockBytes)).CopyTo(block, 0);
            }
            else if (kind < 8)
            {
                random.NextBytes(block);
            }
            else
            {
                Array.Clear(block);
            }

            await file.WriteAsync(block);
        }
    }

    private static async Task<List<ByteRun>> ChangeAsync(string path, long sizeBytes, Random random, int count)
    {
        var blocks = new SortedSet<long>();
        while (blocks.Count < count)
        {
            blocks.Add(random.NextInt64(sizeBytes / BlockBytes));
        }

        await using var file = File.OpenWrite(path);
        var block = new byte[BlockBytes];
        foreach (var at in blocks)
        {
            random.NextBytes(block);
            file.Position = at * BlockBytes;
            await file.WriteAsync(block);
        }

        return [.. blocks.Select(at => new ByteRun(at * BlockBytes, BlockBytes))];
    }

    private static Task<(Cost Cost, PointDocument Point)> BackUpAsync(
        Vault vault, string id, string volume, IReadOnlyList<ByteRun> runs, PointDocument? earlier) =>
        BackUpAsync(vault, id, new FileInfo(volume).Length, runs, earlier, (offset, length, _) =>
        {
            var buffer = (int)Math.Min(length, BufferBytes);
            var file = new FileStream(volume, FileMode.Open, FileAccess.Read, FileShare.Read, buffer) { Position = offset };
            return Task.FromResult<Stream>(file);
        });

    private static async Task<(Cost Cost, PointDocument Point)> BackUpAsync(
        Vault vault, string id, long sizeBytes, IReadOnlyList<ByteRun> runs, PointDocument? earlier, OpenRun open)
    {
        var (cpu, started) = (Process.GetCurrentProcess().TotalProcessorTime, TimeProvider.System.GetTimestamp());
        var read = 0L;
        using var writer = vault.BeginWriting();
        var stream = await writer.PutStreamAsync(
            vault, "content", sizeBytes, runs, earlier?.Streams[0], open, bytes => read += bytes, None);
        var point = new PointDocument { Id = id, Kind = "volume", Resource = "vol-bench", TakenAt = default, Streams = [stream] };
        await writer.SavePointAsync(point, None);
        return (new Cost(
            (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds, TimeProvider.System.GetElapsedTime(started).TotalSeconds,
            read, writer.StoredBytes), point);
    }

    /// <summary>A volume full of data: the other one over and over, each time moved by a block, so that no node is another's.</summary>
    private static async Task IdleAsync(Vault vault, string volume)
    {
        var sizeBytes = new FileInfo(volume).Length;
        Task<Stream> OpenAsync(long offset, long length, CancellationToken ct) =>
            Task.FromResult<Stream>(new RepeatedFile(volume, (offset + (offset / sizeBytes * BlockBytes)) % sizeBytes));
        var (_, first) = await BackUpAsync(vault, "rp-large", IdleBytes, [new ByteRun(0, IdleBytes)], null, OpenAsync);
        var (idle, _) = await BackUpAsync(vault, "rp-idle", IdleBytes, [], first, OpenAsync);
        Print("second backup of an idle volume of 10 GiB, time", idle.Wall, "s");
        Print("second backup of an idle volume of 10 GiB, stored", idle.Stored / 1e6, "MB");
    }

    private static async Task<double> RestoreAsync(Vault vault, string id, string target)
    {
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        await using var source = (ChunkStream)vault.OpenStream((await vault.ReadPointAsync(id, None)).Streams[0]);
        await using var file = new FileStream(target, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes);
        file.SetLength(source.Length);
        var chunk = new byte[BlockBytes];
        for (var at = await source.NextDataAsync(0, None); at < source.Length; at = await source.NextDataAsync(at, None))
        {
            source.Position = file.Position = at;
            await source.ReadExactlyAsync(chunk, None);
            await file.WriteAsync(chunk);
            at += chunk.Length;
        }

        return (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds;
    }

    private static async Task OneFileAsync(Vault vault, string folder)
    {
        var image = Path.Combine(folder, "disk");
        await File.WriteAllTextAsync(Path.Combine(folder, "note"), "kept\n");
        using (var make = Process.Start(new ProcessStartInfo("/sbin/mke2fs", ["-q", "-F", "-t", "ext4", image, "2G"]))!)
        {
            await make.WaitForExitAsync();
        }

        using (var put = Process.Start(
            new ProcessStartInfo("/sbin/debugfs", ["-w", "-R", $"write {Path.Combine(folder, "note")} note", image])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            })!)
        {
            await put.WaitForExitAsync();
        }

        await BackUpAsync(vault, "rp-disk", image, [new ByteRun(0, new FileInfo(image).Length)], null);
        var started = TimeProvider.System.GetTimestamp();
        await using var disk = vault.OpenStream((await vault.ReadPointAsync("rp-disk", None)).Streams[0]);
        var files = (await Ext4.OpenAsync(disk, None))!;
        using var note = new MemoryStream();
        await files.CopyAsync((await files.FindAsync("/note", None))!, note, None);
        Print("one file out of a volume of 2 GiB, time", TimeProvider.System.GetElapsedTime(started).TotalSeconds, "s");
    }

    /// <summary>A thousand points, each of some changes, of which every other goes: what only these held is all over the vault.</summary>
    private static async Task PruneAsync(Vault vault, PointDocument earlier, string volume, Random random)
    {
        for (var at = 0; at < Points; at++)
        {
            var runs = await ChangeAsync(volume, new FileInfo(volume).Length, random, BlocksPerPoint);
            (_, earlier) = await BackUpAsync(vault, $"rp-many-{at:0000}", volume, runs, earlier);
        }

        for (var at = 0; at < Points; at += 2)
        {
            await vault.DeletePointAsync($"rp-many-{at:0000}", None);
        }

        var started = TimeProvider.System.GetTimestamp();
        var report = await vault.PruneAsync(None);
        Print("prune after 500 of 1,000 points went, time", TimeProvider.System.GetElapsedTime(started).TotalSeconds, "s");
        Print("prune after 500 of 1,000 points went, freed", report.FreedBytes / 1e6, "MB");
        started = TimeProvider.System.GetTimestamp();
        await vault.PruneAsync(None);
        Print("prune of the 500 left, time", TimeProvider.System.GetElapsedTime(started).TotalSeconds, "s");
    }

    private static async Task<Cost> MeasuredResticAsync(string folder, params string[] arguments)
    {
        var before = SizeOf(Path.Combine(folder, "restic"));
        var (cpu, started) = (ProcessorTimeOfChildren(), TimeProvider.System.GetTimestamp());
        await ResticAsync(arguments);
        return new Cost(
            ProcessorTimeOfChildren() - cpu, TimeProvider.System.GetElapsedTime(started).TotalSeconds, 0,
            SizeOf(Path.Combine(folder, "restic")) - before);
    }

    private static async Task ResticAsync(params string[] arguments)
    {
        using var restic = Process.Start(new ProcessStartInfo("restic", arguments))!;
        await restic.WaitForExitAsync();
        if (restic.ExitCode != 0)
        {
            throw new InvalidOperationException($"restic {arguments[0]} answers {restic.ExitCode}.");
        }
    }

    /// <summary>In seconds, of those that have ended and were waited for: a process that is gone cannot be asked any more.</summary>
    private static double ProcessorTimeOfChildren()
    {
        // getrusage(2): two timevals, user and system, then 14 counters.
        var usage = new long[18];
        return GetResourceUsage(Children, usage) == 0
            ? usage[0] + usage[2] + ((usage[1] + usage[3]) / 1e6)
            : throw new InvalidOperationException($"getrusage: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "getrusage", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int GetResourceUsage(int who, [Out] long[] usage);

    private static async Task RequireSameAsync(string one, string other)
    {
        await using var first = File.OpenRead(one);
        await using var second = File.OpenRead(other);
        var (hash, expected) = (await SHA256.HashDataAsync(first), await SHA256.HashDataAsync(second));
        if (!hash.AsSpan().SequenceEqual(expected))
        {
            throw new InvalidOperationException("What was restored is not what was backed up.");
        }
    }

    private static long SizeOf(string folder) => Directory.Exists(folder)
        ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length)
        : 0;

    private static void Print(string what, double value, string unit) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-52} {value,9:F3} {unit}"));

    private static void Compare(string what, double value, double restic, string unit)
    {
        Print(what, value, unit);
        Print("  restic", restic, unit);
        Figures.PrintRatio("  of restic's", value / restic);
    }

    private sealed record Cost(double Seconds, double Wall, long Read, long Stored);

    /// <summary>A file without end: after its last byte comes its first.</summary>
    private sealed class RepeatedFile(string path, long offset) : Stream
    {
        private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes) { Position = offset };

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_file.Position == _file.Length)
            {
                _file.Position = 0;
            }

            return await _file.ReadAsync(buffer, cancellationToken);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            _file.Dispose();
            base.Dispose(disposing);
        }
    }
}
