using System.Formats.Tar;
using System.Runtime.InteropServices;

namespace Cloud.Oci;

/// <summary>
/// Unpacks layers, each into a folder of its own as overlayfs wants it below another: what a layer takes away of those under it becomes a
/// character device 0/0, or a mark on a folder (linux: Documentation/filesystems/overlayfs.rst). Root gives each entry its owner as it
/// comes; for others <see cref="ILayerOwners"/> does, once all are there.
/// </summary>
public static partial class LayerFolder
{
    private const string Whiteout = ".wh.";
    private const string Opaque = ".wh..wh..opq";
    private const uint CharacterDevice = 0x2000;
    private const uint Fifo = 0x1000;
    private const uint ModeBits = 0xfff;
    private const int DoNotFollow = 0x100;
    private const int AtCurrentFolder = -100;
    private const int BufferBytes = 1 << 20;

    /// <summary>Makes the folder, whole or not at all; one that is there already is left as it is.</summary>
    /// <param name="archive">The image's archive.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="folder">The folder to make.</param>
    /// <param name="owners">Who gives entries to their owners; null as root.</param>
    /// <param name="ct">Ends it early.</param>
    /// <exception cref="OciException">The layer is not what the image says.</exception>
    public static async Task UnpackAsync(OciArchive archive, OciLayer layer, string folder, ILayerOwners? owners, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(archive);
        ArgumentNullException.ThrowIfNull(layer);
        if (Directory.Exists(folder))
        {
            return;
        }

        var beside = $"{folder}.new-{Guid.NewGuid():n}";
        Directory.CreateDirectory(beside);
        SetMode(beside, 0b111_101_101);
        var given = owners is null ? null : new Dictionary<string, LayerOwner> { [""] = new("", 0, 0, 0b111_101_101) };
        try
        {
            await using (var tar = new HashedStream(archive.OpenLayer(layer)))
            {
                await LayerReader.ReadAsync(tar, entry => Unpack(entry, beside, given), ct);
                OciArchive.Require(await tar.FinishAsync(ct), layer.DiffHex, "What a layer unpacks to");
            }

            if (owners is not null)
            {
                await owners.GiveAsync(beside, given!.Values, ct);
            }

            SyncFileSystemOf(Path.GetDirectoryName(folder)!);
            Move(beside, folder);
        }
        finally
        {
            if (Directory.Exists(beside))
            {
                Remove(beside, owners);
            }
        }
    }

    private static void Remove(string folder, ILayerOwners? owners)
    {
        if (owners is null)
        {
            Directory.Delete(folder, recursive: true);
        }
        else
        {
            owners.Remove(folder);
        }
    }

    /// <summary>Another may have unpacked the same meanwhile, which is as good.</summary>
    private static void Move(string from, string to)
    {
        try
        {
            Directory.Move(from, to);
        }
        catch (IOException) when (Directory.Exists(to))
        {
            // What is there is the same content: it has the same digest.
        }
    }

    private static void Unpack(LayerEntry entry, string root, Dictionary<string, LayerOwner>? given)
    {
        var name = entry.Path[(entry.Path.LastIndexOf('/') + 1)..];
        var above = Path.Combine(root, entry.Path[..^name.Length]);
        var path = Path.Combine(root, entry.Path);
        MakeFolders(root, entry.Path[..^name.Length], given);
        if (name == Opaque)
        {
            Check(SetAttribute(above, given is null ? "trusted.overlay.opaque" : "user.overlay.opaque", "y", 1, 0), "marked");
            return;
        }

        if (name.StartsWith(Whiteout, StringComparison.Ordinal))
        {
            var gone = Path.Combine(above, name[Whiteout.Length..]);
            if (name.Length > Whiteout.Length && name[Whiteout.Length..] is not ("." or "..") && !Exists(gone))
            {
                Check(MakeNode(gone, CharacterDevice, 0), "made");
            }

            return;
        }

        if (entry.Tar.EntryType != TarEntryType.Directory && Exists(path))
        {
            File.Delete(path);
        }

        Make(entry, root, path, given);
    }

    private static void Make(LayerEntry entry, string root, string path, Dictionary<string, LayerOwner>? given)
    {
        var tar = entry.Tar;
        switch (tar.EntryType)
        {
            case TarEntryType.Directory:
                Directory.CreateDirectory(path);
                break;
            case TarEntryType.SymbolicLink:
                Check(MakeSymbolicLink(tar.LinkName, path), "made");
                break;
            case TarEntryType.HardLink:
                Check(MakeHardLink(Path.Combine(root, entry.Target!), path), "made");
                given?.Remove(entry.Path);
                return;
            case TarEntryType.Fifo:
                Check(MakeNode(path, Fifo, 0), "made");
                break;
            default:
                WriteFile(tar, path);
                break;
        }

        uint? mode = tar.EntryType == TarEntryType.SymbolicLink ? null : (uint)tar.Mode & ModeBits;
        if (given is not null)
        {
            given[entry.Path] = new LayerOwner(entry.Path, (uint)tar.Uid, (uint)tar.Gid, (int?)mode);
        }
        else
        {
            Check(ChangeOwner(path, (uint)tar.Uid, (uint)tar.Gid), "given its owner");
            if (mode is { } bits)
            {
                // After the owner, which takes the bits away that matter.
                SetMode(path, bits);
            }
        }

        SetTime(path, tar.ModificationTime);
    }

    private static void WriteFile(TarEntry entry, string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 0);
        entry.DataStream?.CopyTo(file, BufferBytes);
    }

    /// <summary>Folders that the layer has no entry of, or not yet.</summary>
    private static void MakeFolders(string root, string folders, Dictionary<string, LayerOwner>? given)
    {
        for (var at = folders.IndexOf('/'); given is not null && at >= 0; at = folders.IndexOf('/', at + 1))
        {
            given.TryAdd(folders[..at], new LayerOwner(folders[..at], 0, 0, 0b111_101_101));
        }

        if (folders.Length > 0 && !Directory.Exists(Path.Combine(root, folders)))
        {
            Directory.CreateDirectory(
                Path.Combine(root, folders),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead
                | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }
    }

    private static bool Exists(string path) => new FileInfo(path) is var file && (file.Exists || file.LinkTarget is not null)
        || Directory.Exists(path);

    private static void SetMode(string path, uint mode) => Check(ChangeMode(path, mode), "given its mode");

    private static unsafe void SetTime(string path, DateTimeOffset time)
    {
        var seconds = time.ToUnixTimeSeconds();
        var times = stackalloc long[4];
        times[0] = times[2] = seconds;
        times[1] = times[3] = 0;
        Check(SetTimes(AtCurrentFolder, path, times, DoNotFollow), "given its time");
    }

    private static void SyncFileSystemOf(string folder)
    {
        using var file = new Microsoft.Win32.SafeHandles.SafeFileHandle(Open(folder, 0x90000, 0), ownsHandle: true);
        Check(SyncFileSystem(file), "written to the disk");
    }

    private static void Check(int result, string what)
    {
        if (result != 0)
        {
            var why = Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError());
            throw new IOException($"An entry of a layer could not be {what}: {why}");
        }
    }

    [LibraryImport("libc", EntryPoint = "mknod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeNode(string path, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "symlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeSymbolicLink(string target, string path);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MakeHardLink(string target, string path);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeMode(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int SetTimes(int folder, string path, long* times, int flags);

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetAttribute(string path, string name, string value, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFileSystem(Microsoft.Win32.SafeHandles.SafeFileHandle file);
}
