using System.Runtime.InteropServices;

namespace Cloud.Database.Servers;

/// <summary>Has a file system write down all that it holds in memory: for thousands of new files faster than one after the other.</summary>
internal static partial class FileSystemSync
{
    private const int OpenFolder = 0x10000;

    /// <summary>Durable when this returns: all that was written below the folder, by whomever.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public static Task RunAsync(string folder) => Task.Run(() =>
    {
        var descriptor = Open(folder, OpenFolder);
        if (descriptor < 0)
        {
            throw Failed(folder);
        }

        try
        {
            if (SyncFileSystem(descriptor) != 0)
            {
                throw Failed(folder);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    });

    private static IOException Failed(string folder) =>
        new($"'{folder}' cannot be written down: {Marshal.GetLastPInvokeErrorMessage()}.");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystem(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
