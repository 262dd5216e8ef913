using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Backup.Vaults.Storage;

/// <summary>A vault in a folder.</summary>
public sealed class FolderStorage(string folder) : IVaultStorage
{
    private const int OpenDirectory = 0x10000;
    private const int CloseOnExec = 0x80000;
    private const string Unfinished = ".tmp";

    /// <summary>Tells the files that this object is storing from those of a process that died.</summary>
    private readonly string _mark = Guid.NewGuid().ToString("N");

    public int ReadBytes => 1024 * 1024;

    public async Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        var path = PathOf(name);
        var parent = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(parent))
        {
            Directory.CreateDirectory(parent, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            Flush(Path.GetDirectoryName(parent)!);
        }

        var unfinished = $"{path}.{Guid.NewGuid():N}.{_mark}{Unfinished}";
        try
        {
            using (var file = File.OpenHandle(unfinished, FileMode.CreateNew, FileAccess.Write, preallocationSize: bytes.Length))
            {
                await RandomAccess.WriteAsync(file, bytes, 0, ct);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }

        Flush(parent);
    }

    /// <summary>
    /// Reads at once: the asynchronous way is the same call on another thread, and that costs more than most of these reads.
    /// </summary>
    public Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        SafeFileHandle file;
        try
        {
            file = File.OpenHandle(PathOf(name));
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return Task.FromResult<byte[]?>(null);
        }

        using (file)
        {
            var bytes = GC.AllocateUninitializedArray<byte>((int)Math.Clamp(RandomAccess.GetLength(file) - offset, 0, length));
            var filled = 0;
            while (filled < bytes.Length)
            {
                var read = RandomAccess.Read(file, bytes.AsSpan(filled), offset + filled);
                if (read == 0)
                {
                    return Task.FromResult<byte[]?>(bytes[..filled]);
                }

                filled += read;
            }

            return Task.FromResult<byte[]?>(bytes);
        }
    }

    public Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct)
    {
        var root = new DirectoryInfo(PathOf(below.TrimEnd('/')));
        IReadOnlyList<StoredFile> files = root.Exists
            ? [.. root.EnumerateFiles("*", SearchOption.AllDirectories)
                .Where(file => !file.Name.EndsWith(Unfinished, StringComparison.Ordinal))
                .Select(file => new StoredFile(Path.GetRelativePath(folder, file.FullName), file.Length))]
            : [];
        return Task.FromResult(files);
    }

    public Task DeleteAsync(string name, CancellationToken ct)
    {
        var path = PathOf(name);
        if (File.Exists(path))
        {
            File.Delete(path);
        }

        return Task.CompletedTask;
    }

    public Task TidyAsync(CancellationToken ct)
    {
        foreach (var file in new DirectoryInfo(folder).EnumerateFiles($"*{Unfinished}", SearchOption.AllDirectories)
            .Where(file => !file.Name.EndsWith(_mark + Unfinished, StringComparison.Ordinal)))
        {
            file.Delete();
        }

        return Task.CompletedTask;
    }

    private string PathOf(string name) => Path.Combine(folder, name);

    /// <summary>A name is durable when its folder is flushed. .NET opens no folders.</summary>
    private static void Flush(string parent)
    {
        var descriptor = Open(parent, OpenDirectory | CloseOnExec);
        if (descriptor < 0)
        {
            throw new IOException($"open {parent}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var flushed = Fsync(descriptor);
        var reason = Marshal.GetLastPInvokeErrorMessage();
        _ = Close(descriptor);
        if (flushed != 0)
        {
            throw new IOException($"fsync {parent}: {reason}");
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
