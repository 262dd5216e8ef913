using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;

namespace Cloud.ServiceDefaults.Memory;

/// <summary>
/// Gives back, once, what only the start of a process needed: the garbage of migrations and models, free lists of the allocator, and
/// pages of programs that ran once. Of a cloud at rest that is a fifth. Nothing is lost by it: a page is read again when it is used again.
/// </summary>
internal sealed partial class StartMemory(IHostApplicationLifetime lifetime, TimeProvider time) : BackgroundService
{
    /// <summary>By then the first round of every background task is over.</summary>
    public static readonly TimeSpan After = TimeSpan.FromSeconds(30);

    private const int PageOut = 21;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onStart = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken);
        await Task.Delay(After, time, stoppingToken);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        if (OperatingSystem.IsLinux())
        {
            ReturnFreeLists();
            ReturnProgramPages("/proc/self/maps");
        }
    }

    private static void ReturnFreeLists()
    {
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc: its allocator has no such call.
        }
    }

    /// <summary>
    /// MADV_PAGEOUT (madvise(2), Linux 5.4) of each mapping of a file that cannot be written through. The kernel keeps pages that other
    /// processes use too, and those of files that are neither this user's nor writable to it; one that does not know the advice refuses it.
    /// </summary>
    private static void ReturnProgramPages(string maps)
    {
        foreach (var line in File.ReadLines(maps))
        {
            // "7f12a000-7f13c000 r-xp 00000000 fe:00 1234   /usr/lib/libc.so.6"
            var words = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 6 || words[5][0] != '/' || words[1].Contains('w')
                || words[5].StartsWith("/memfd:", StringComparison.Ordinal))
            {
                continue;
            }

            var dash = words[0].IndexOf('-', StringComparison.Ordinal);
            var (from, to) = (Address(words[0].AsSpan(0, dash)), Address(words[0].AsSpan(dash + 1)));
            _ = Advise((nint)from, (nuint)(to - from), PageOut);
        }

        static ulong Address(ReadOnlySpan<char> hex) => ulong.Parse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint address, nuint length, int advice);
}
