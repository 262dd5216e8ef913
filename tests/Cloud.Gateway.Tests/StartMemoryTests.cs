using System.Globalization;
using System.IO.MemoryMappedFiles;
using Cloud.ServiceDefaults.Memory;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Gateway.Tests;

/// <summary>What a start needed and the cloud at rest does not goes back to the system.</summary>
public sealed class StartMemoryTests
{
    private const int Size = 1 << 20;

    [Fact]
    public async Task AfterTheStart_PagesOfFilesAreReturned_AndReadAgain()
    {
        // Not among temporary files: a file system in memory has nowhere to put its pages.
        var path = Path.Combine(AppContext.BaseDirectory, "start-memory.test");
        var bytes = new byte[Size];
        Array.Fill(bytes, (byte)7);
        await File.WriteAllBytesAsync(path, bytes);
        await using (var written = File.OpenWrite(path))
        {
            written.Flush(flushToDisk: true);
        }

        using var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        using var view = file.CreateViewAccessor(0, Size, MemoryMappedFileAccess.Read);
        long Sum() => Enumerable.Range(0, Size / 4096).Sum(page => (long)view.ReadByte(page * 4096L));
        Sum().ShouldBe(7L * Size / 4096);
        ResidentBytes(path).ShouldBe(Size);

        var lifetime = new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance);
        using var memory = new StartMemory(lifetime, new Soon());
        await memory.StartAsync(default);
        ResidentBytes(path).ShouldBe(Size);
        lifetime.NotifyStarted();
        await memory.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(30));

        ResidentBytes(path).ShouldBe(0);
        Sum().ShouldBe(7L * Size / 4096);
        File.Delete(path);
    }

    private static long ResidentBytes(string path)
    {
        var rss = File.ReadLines("/proc/self/smaps").SkipWhile(line => !line.EndsWith(path, StringComparison.Ordinal))
            .First(line => line.StartsWith("Rss:", StringComparison.Ordinal));
        return long.Parse(rss.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }

    /// <summary>Whatever is awaited is there at once.</summary>
    private sealed class Soon : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
