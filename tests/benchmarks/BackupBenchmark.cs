using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.FileSystems;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Benchmarks;

/// <summary>
/// A vault beside restic, on the same volume in the same run: half of it text, 30 % noise, 20 % zeros. Processor time is the process's
/// own and restic's.
/// </summary>
internal static class BackupBenchmark
{
    private const int BlockBytes = ChunkTree.ChunkBytes;
    private const int ChangedBlocks = 320;
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
            var (full, first) = await BackUpAsync(vault, "rp-1", volume, [new ByteRun(0, sizeBytes)], null);
            Compare("full backup, processor time", full.Seconds, resticFull.Seconds, "s");
            Compare("full backup, stored", full.Stored / 1e6, resticFull.Stored / 1e6, "MB");

            var (idle, _) = await BackUpAsync(vault, "rp-2", volume, [], first);
            Print("second backup of the same, time", idle.Wall, "s");
            Print("second backup of the same, stored", idle.Stored / 1e6, "MB");

            var runs = await ChangeAsync(volume, sizeBytes, random);
            var resticNext = await MeasuredResticAsync(folder, "backup", "-q", volume);
            var (next, _) = await BackUpAsync(vault, "rp-3", volume, runs, first);
            Compare("20 MB changed at random, processor time", next.Seconds, resticNext.Seconds, "s");
            Compare("20 MB changed at random, stored", next.Stored / 1e6, resticNext.Stored / 1e6, "MB");
            Print("20 MB changed at random, stored for each byte", next.Stored / (double)(ChangedBlocks * BlockBytes), "bytes");

            var resticBack = await MeasuredResticAsync(folder, "restore", "-q", "latest", "--target", Path.Combine(folder, "back"));
            var back = await RestoreAsync(vault, "rp-3", Path.Combine(folder, "restored"));
            Compare("restore, processor time", back, resticBack.Seconds, "s");
            await RequireSameAsync(volume, Path.Combine(folder, "restored"));
            await OneFileAsync(vault, folder);
            await PruneAsync(vault, first, volume);
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

    private static async Task<List<ByteRun>> ChangeAsync(string path, long sizeBytes, Random random)
    {
        var blocks = new SortedSet<long>();
        while (blocks.Count < ChangedBlocks)
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

    private static async Task<(Cost Cost, PointDocument Point)> BackUpAsync(
        Vault vault, string id, string volume, IReadOnlyList<ByteRun> runs, PointDocument? earlier)
    {
        var (cpu, started) = (Process.GetCurrentProcess().TotalProcessorTime, TimeProvider.System.GetTimestamp());
        using var writer = vault.BeginWriting();
        var stream = await writer.PutStreamAsync(
            vault, "content", new FileInfo(volume).Length, runs, earlier?.Streams[0], (offset, _, _) =>
            {
                var file = File.OpenRead(volume);
                file.Position = offset;
                return Task.FromResult<Stream>(file);
            }, _ => { }, None);
        var point = new PointDocument { Id = id, Kind = "volume", Resource = "vol-bench", TakenAt = default, Streams = [stream] };
        await writer.SavePointAsync(point, None);
        return (new Cost(
            (Process.GetCurrentProcess().TotalProcessorTime - cpu).TotalSeconds, TimeProvider.System.GetElapsedTime(started).TotalSeconds,
            writer.StoredBytes), point);
    }

    private static async Task<double> RestoreAsync(Vault vault, string id, string target)
    {
        var cpu = Process.GetCurrentProcess().TotalProcessorTime;
        await using var source = (ChunkStream)vault.OpenStream((await vault.ReadPointAsync(id, None)).Streams[0]);
        await using var file = File.Create(target);
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

    private static async Task PruneAsync(Vault vault, PointDocument first, string volume)
    {
        const int Points = 1000;
        for (var at = 0; at < Points; at++)
        {
            await BackUpAsync(vault, $"rp-many-{at:0000}", volume, [], first);
        }

        for (var at = 0; at < Points; at += 2)
        {
            await vault.DeletePointAsync($"rp-many-{at:0000}", None);
        }

        var started = TimeProvider.System.GetTimestamp();
        await vault.PruneAsync(None);
        Print("prune after 500 of 1,000 recovery points went, time", TimeProvider.System.GetElapsedTime(started).TotalSeconds, "s");
    }

    private static async Task<Cost> MeasuredResticAsync(string folder, params string[] arguments)
    {
        var before = SizeOf(Path.Combine(folder, "restic"));
        var (seconds, wall) = await ResticAsync(arguments);
        return new Cost(seconds, wall, SizeOf(Path.Combine(folder, "restic")) - before);
    }

    private static async Task<(double Seconds, double Wall)> ResticAsync(params string[] arguments)
    {
        var started = TimeProvider.System.GetTimestamp();
        using var restic = Process.Start(new ProcessStartInfo("restic", arguments))!;
        await restic.WaitForExitAsync();
        return restic.ExitCode == 0
            ? (restic.TotalProcessorTime.TotalSeconds, TimeProvider.System.GetElapsedTime(started).TotalSeconds)
            : throw new InvalidOperationException($"restic {arguments[0]} answers {restic.ExitCode}.");
    }

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
        Figures.PrintRatio("  beside it", value / restic);
    }

    private sealed record Cost(double Seconds, double Wall, long Stored);
}
