using System.Collections.Concurrent;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Extensions.Logging;

namespace Cloud.Vmm.Qemu.Console;

/// <summary>
/// Keeps what guests print for ever from filling the disk: looks at the logs of all machines in turn, and gives back the oldest of one that
/// has outgrown its bound. The process goes on appending meanwhile and loses nothing of what is new.
/// </summary>
internal sealed partial class LogBounds : IDisposable
{
    private const int BlockBytes = 4096;

    private readonly QemuOptions _options;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<string, bool> _folders = new(StringComparer.Ordinal);
    private readonly PeriodicTimer _timer;

    public LogBounds(QemuOptions options, TimeProvider time, ILogger log)
    {
        _options = options;
        _log = log;
        _timer = new PeriodicTimer(options.LogCheckInterval, time);
        Looking = LookAsync();
    }

    /// <summary>Ends after the disposal.</summary>
    public Task Looking { get; }

    public void Add(string folder)
    {
        Bound(folder);
        _folders[folder] = true;
    }

    public void Remove(string folder) => _folders.TryRemove(folder, out _);

    public void Dispose() => _timer.Dispose();

    private async Task LookAsync()
    {
        while (await _timer.WaitForNextTickAsync())
        {
            foreach (var folder in _folders.Keys)
            {
                Bound(folder);
            }
        }
    }

    private void Bound(string folder)
    {
        try
        {
            Bound(Path.Combine(folder, VmFolder.ConsoleLog), _options.ConsoleLogBytesMax);
            Bound(Path.Combine(folder, VmFolder.BootReport), _options.ReportBytesMax);
            Bound(Path.Combine(folder, VmFolder.ProcessLog), _options.ReportBytesMax);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            LogNotBounded(_log, Path.GetFileName(folder), failed.Message);
        }
    }

    /// <summary>An eighth more than the bound may be there, so that a file that grows is not cut at every look.</summary>
    private static void Bound(string path, long bytesMax)
    {
        if (new FileInfo(path) is not { Exists: true } info || info.Length <= bytesMax)
        {
            return;
        }

        using var file = Descriptor.Open(path, LibC.OpenReadWrite | LibC.OpenNoFollow);
        var length = RandomAccess.GetLength(file);
        var start = GuestLog.StartOf(file);
        if (length - start <= bytesMax + (bytesMax / 8))
        {
            return;
        }

        var until = (length - bytesMax) / BlockBytes * BlockBytes;
        if (LibC.Fallocate(file, LibC.FallocatePunchHole | LibC.FallocateKeepSize, 0, until) != 0)
        {
            // A file system without holes: all of it goes, and offsets start anew.
            RandomAccess.SetLength(file, 0);
        }
    }

    [LoggerMessage(EventId = 3206, Level = LogLevel.Error, Message = "The logs of machine {Machine} cannot be bounded: {Reason}")]
    private static partial void LogNotBounded(ILogger log, string machine, string reason);
}
