using System.Collections.Concurrent;
using System.Security.Cryptography;
using Cloud.ObjectStorage.S3;
using Microsoft.Extensions.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>
/// The bytes of objects: a file a blob, named by chance, never changed. A file counts from when a row of the index names it, so one that is
/// half written when the machine dies is nobody's, and is swept. This is all that would have to be written anew to keep the bytes
/// elsewhere.
/// </summary>
internal sealed class BlobStore
{
    private const int NameBytes = 16;

    /// <summary>Files in 256 folders.</summary>
    private const int FolderDigits = 2;

    /// <summary>Where damaged blobs are set aside.</summary>
    private const string AsideFolder = "damaged";

    private readonly ConcurrentDictionary<string, byte> _inFlight = new(StringComparer.Ordinal);
    /// <summary>How long the disk's own word on its free space is taken.</summary>
    private static readonly TimeSpan RoomFreshness = TimeSpan.FromMilliseconds(250);

    private readonly string _root;
    private readonly long _reserve;
    private readonly Disk _disk;
    private readonly TimeProvider _time;
    private long _room;
    private long _roomAt;

    public BlobStore(IOptions<ObjectStorageOptions> options, Disk disk, TimeProvider time)
    {
        _root = options.Value.Folder;
        _reserve = options.Value.DiskReserveBytes;
        _disk = disk;
        _time = time;
        Directory.CreateDirectory(_root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.CreateDirectory(Path.Combine(_root, AsideFolder));
        for (var at = 0; at < 256; at++)
        {
            Directory.CreateDirectory(Path.Combine(_root, $"{at:x2}"));
        }
    }

    /// <summary>Asked before something is stored, with its length where that is known.</summary>
    /// <exception cref="S3Exception">The disk is full, but for what it takes to delete something.</exception>
    public void RequireRoom(long bytes)
    {
        var at = Interlocked.Read(ref _roomAt);
        if (at == 0 || _time.GetElapsedTime(at) > RoomFreshness)
        {
            Interlocked.Exchange(ref _room, new DriveInfo(_root).AvailableFreeSpace);
            Interlocked.Exchange(ref _roomAt, _time.GetTimestamp());
        }

        if (Interlocked.Add(ref _room, -bytes) < _reserve)
        {
            throw S3Error.InsufficientCapacity.With();
        }
    }

    /// <summary>A new blob to write. Its file goes with the writer, unless it is kept.</summary>
    public BlobWriter Create()
    {
        var (name, path) = NewName();
        try
        {
            var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
            return new BlobWriter(name, path, file, _disk, _inFlight);
        }
        catch
        {
            _inFlight.TryRemove(name, out _);
            throw;
        }
    }

    /// <exception cref="FileNotFoundException">The blob was swept: whoever named it is gone.</exception>
    public SafeFileHandle Open(string name) => File.OpenHandle(PathOf(name), FileMode.Open, FileAccess.Read,
        FileShare.ReadWrite | FileShare.Delete);

    /// <summary>A blob with the bytes of another, at no cost.</summary>
    /// <exception cref="IOException">The other was swept.</exception>
    public async Task<BlobLink> LinkAsync(string from)
    {
        var (name, path) = NewName();
        var link = new BlobLink(name, path, _inFlight);
        try
        {
            Disk.Link(PathOf(from), path);
            await _disk.FlushFolderAsync(Path.GetDirectoryName(path)!);
            return link;
        }
        catch
        {
            link.Dispose();
            throw;
        }
    }

    /// <summary>Puts a damaged blob where nobody reads it.</summary>
    public void SetAside(string name)
    {
        if (File.Exists(PathOf(name)))
        {
            File.Move(PathOf(name), Path.Combine(_root, AsideFolder, name), overwrite: true);
        }
    }

    public void DeleteAside(string name) => File.Delete(Path.Combine(_root, AsideFolder, name));

    public void Delete(string name) => File.Delete(PathOf(name));

    /// <summary>All files that have lain there since before then and are not being written by this process.</summary>
    public IEnumerable<string> NamesBefore(string folder, DateTime utc) => Directory.EnumerateFiles(Path.Combine(_root, folder))
        .Where(path => File.GetLastWriteTimeUtc(path) < utc)
        .Select(path => Path.GetFileName(path))
        .Where(name => !_inFlight.ContainsKey(name));

    public static IEnumerable<string> Folders => Enumerable.Range(0, 256).Select(at => $"{at:x2}");

    public string PathOf(string name) => Path.Combine(_root, name[..FolderDigits], name);

    private (string Name, string Path) NewName()
    {
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameBytes));
        _inFlight[name] = 0;
        return (name, PathOf(name));
    }
}

/// <summary>A blob that is being written.</summary>
internal sealed class BlobWriter(
    string name, string path, SafeFileHandle file, Disk disk, ConcurrentDictionary<string, byte> inFlight) : IDisposable
{
    private bool _kept;

    public string Name => name;

    /// <summary>What was written so far, in bytes.</summary>
    public long Length { get; private set; }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(file, bytes, Length);
        Length += bytes.Length;
    }

    /// <summary>Returns when the bytes outlive a loss of power.</summary>
    public Task FlushAsync() => disk.FlushAsync(file, Path.GetDirectoryName(path)!);

    /// <summary>A row names it now.</summary>
    public void Keep() => _kept = true;

    public void Dispose()
    {
        file.Dispose();
        if (!_kept)
        {
            File.Delete(path);
        }

        inFlight.TryRemove(name, out _);
    }
}

/// <summary>A blob that is another name of another's bytes.</summary>
internal sealed class BlobLink(string name, string path, ConcurrentDictionary<string, byte> inFlight) : IDisposable
{
    private bool _kept;

    public string Name => name;

    /// <summary>A row names it now.</summary>
    public void Keep() => _kept = true;

    public void Dispose()
    {
        if (!_kept)
        {
            File.Delete(path);
        }

        inFlight.TryRemove(name, out _);
    }
}
