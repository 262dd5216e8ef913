using System.Collections.Concurrent;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>
/// Waits for the disk on threads of its own: a flush blocks its thread for as long as the disk takes, and a disk takes many at once better
/// than one after the other.
/// </summary>
internal sealed class Disk : IDisposable
{
    private const int ThreadCount = 16;
    private const int ReadOnly = 0;
    private const int OpenDirectory = 0x10000;
    private const int CloseOnExec = 0x80000;

    private readonly BlockingCollection<Flush> _waiting = new(4096);

    public Disk()
    {
        for (var at = 0; at < ThreadCount; at++)
        {
            new Thread(Run) { IsBackground = true, Name = $"disk-{at}" }.Start();
        }
    }

    /// <summary>Returns when the file's bytes, and its name in its folder, outlive a loss of power.</summary>
    public Task FlushAsync(SafeFileHandle file, string folder)
    {
        var flush = new Flush(file, folder);
        _waiting.Add(flush);
        return flush.Done.Task;
    }

    /// <summary>Returns when the names in a folder outlive a loss of power.</summary>
    public Task FlushFolderAsync(string folder)
    {
        var flush = new Flush(null, folder);
        _waiting.Add(flush);
        return flush.Done.Task;
    }

    /// <summary>Another name for the same bytes: link(2).</summary>
    public static void Link(string from, string to)
    {
        if (NativeLink(from, to) != 0)
        {
            throw Failure(from);
        }
    }

    public void Dispose() => _waiting.CompleteAdding();

    private void Run()
    {
        foreach (var flush in _waiting.GetConsumingEnumerable())
        {
            try
            {
                if (flush.File is { } file)
                {
                    RandomAccess.FlushToDisk(file);
                }

                FlushFolder(flush.Folder);
                flush.Done.SetResult();
            }
            catch (Exception failed)
            {
                flush.Done.SetException(failed);
            }
        }
    }

    private static void FlushFolder(string folder)
    {
        var descriptor = NativeOpen(folder, ReadOnly | OpenDirectory | CloseOnExec);
        if (descriptor < 0)
        {
            throw Failure(folder);
        }

        try
        {
            if (NativeFlush(descriptor) != 0)
            {
                throw Failure(folder);
            }
        }
        finally
        {
            _ = NativeClose(descriptor);
        }
    }

    private static IOException Failure(string path)
    {
        var code = Marshal.GetLastPInvokeError();
        return new IOException($"{path}: {new Win32Exception(code).Message}", code);
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeOpen([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeFlush(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeClose(int descriptor);

    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int NativeLink(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string from, [MarshalAs(UnmanagedType.LPUTF8Str)] string to);

    private sealed record Flush(SafeFileHandle? File, string Folder)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
