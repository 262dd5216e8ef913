using System.Runtime.InteropServices;

namespace Cloud.Compute.Host.Guests;

/// <summary>A small file that is there whole or not at all: written beside, synced, renamed. Its owner alone reads it.</summary>
internal static partial class DurableFile
{
    /// <summary>Linux, asm-generic/fcntl.h.</summary>
    private const int OpenDirectory = 0x10000;
    private const int CloseOnExec = 0x80000;
    private const string Beside = ".new";

    /// <summary>Durable when this ends.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="bytes">What it begins with.</param>
    /// <param name="lengthMin">How long it is at least; what is behind the bytes reads as zeros and takes no room.</param>
    public static void Write(string path, ReadOnlySpan<byte> bytes, long lengthMin = 0)
    {
        using (var file = Create(path + Beside))
        {
            file.Write(bytes);
            file.SetLength(Math.Max(bytes.Length, lengthMin));
            file.Flush(flushToDisk: true);
        }

        Rename(path + Beside, path);
    }

    /// <summary>
    /// There for all who look when this returns, and durable when its task ends; a power loss before that may leave a torn one.
    /// </summary>
    public static Task WriteAsync(string path, ReadOnlySpan<byte> bytes)
    {
        var file = Create(path + Beside);
        file.Write(bytes);
        file.Flush();
        File.Move(path + Beside, path, overwrite: true);
        return Task.Run(() =>
        {
            using (file)
            {
                file.Flush(flushToDisk: true);
            }

            FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        });
    }

    /// <summary>Gives a file whose bytes are on the disk another name, durable when this ends, in place of what had it.</summary>
    public static void Rename(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(to))!);
    }

    /// <summary>Removes a file that may not be there; durable when this ends.</summary>
    public static void Delete(string path)
    {
        File.Delete(path);
        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Names in a folder are durable when it is flushed. .NET opens no folders.</summary>
    /// <exception cref="IOException">It cannot be.</exception>
    public static void FlushFolder(string folder)
    {
        var descriptor = Open(folder, OpenDirectory | CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"A folder cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var flushed = Fsync(descriptor);
        var reason = Marshal.GetLastPInvokeErrorMessage();
        _ = Close(descriptor);
        if (flushed != 0)
        {
            throw new IOException($"A folder cannot be flushed: {reason}");
        }
    }

    private static FileStream Create(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.Create,
        Access = FileAccess.Write,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
