using System.Globalization;
using System.Runtime.InteropServices;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>The log of a server that is a process of this machine.</summary>
internal sealed partial class FolderLog(ServerFolder folder) : IRedisLog
{
    public Task<RedisLogFiles> ListAsync(CancellationToken ct)
    {
        var manifest = Directory.Exists(folder.AppendOnly)
            ? AppendOnlyManifest.Read(folder.AppendOnly)
            : new AppendOnlyManifest(null, []);
        var files = new RedisLogFiles(
            manifest.Base is { } @base ? Find(@base) : null,
            manifest.Increments.Select(Find).OfType<RedisLogFile>().ToList(),
            HeldParts().Order().Select(sequence => FileOf(LinkOf(sequence), sequence)).OfType<RedisLogFile>().ToList(),
            UsedBytes: null);
        return Task.FromResult(files);

        RedisLogFile? Find(AppendOnlyPart part) => FileOf(Path.Combine(folder.AppendOnly, part.Name), part.Sequence);
    }

    public async Task<bool> ReadAsync(RedisLogFile file, long start, Func<Stream, CancellationToken, Task> read, CancellationToken ct)
    {
        FileStream content;
        try
        {
            content = new FileStream(
                PathOf(file), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            return false;
        }

        await using (content)
        {
            content.Position = start;
            try
            {
                await read(content, ct);
                return true;
            }
            catch (EndOfStreamException)
            {
                // What a server that died had begun to write was cut off.
                return false;
            }
        }
    }

    public Task HoldAsync(IReadOnlyList<RedisLogFile> parts, CancellationToken ct)
    {
        Directory.CreateDirectory(folder.Unarchived);
        foreach (var part in parts.Where(part => !File.Exists(LinkOf(part.Sequence))))
        {
            if (HardLink(PathOf(part), LinkOf(part.Sequence)) != 0)
            {
                throw new IOException($"'{part.Path}' cannot be linked: {Marshal.GetLastPInvokeErrorMessage()}.");
            }
        }

        return Task.CompletedTask;
    }

    public Task DropAsync(IReadOnlyList<RedisLogFile> held, CancellationToken ct)
    {
        foreach (var part in held)
        {
            File.Delete(PathOf(part));
        }

        return Task.CompletedTask;
    }

    private string PathOf(RedisLogFile file) => Path.Combine(folder.Root, file.Path);

    /// <summary>Null where it is gone.</summary>
    private RedisLogFile? FileOf(string path, long sequence) => new FileInfo(path) is { Exists: true } file
        ? new RedisLogFile(Path.GetRelativePath(folder.Root, path), sequence, file.Length)
        : null;

    private string LinkOf(long sequence) => Path.Combine(folder.Unarchived, sequence.ToString(CultureInfo.InvariantCulture));

    private IEnumerable<long> HeldParts() => Directory.Exists(folder.Unarchived)
        ? Directory.GetFiles(folder.Unarchived).Select(path => long.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))
        : [];

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int HardLink(string from, string to);
}
