using System.Text;
using System.Text.Json;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Reader;

/// <summary>
/// Where a point is restored to with no cloud running: a volume to a file, an instance's disks to a file each; a database to the folder of
/// its server's files, a bucket to a folder of its objects.
/// </summary>
internal sealed class PointLayout
{
    private const int SegmentBytesMax = 255;
    private const string Current = "objects/";

    /// <summary>PostgreSQL reads whole files of its log, whose names have so many digits; of the newest a part may be stored.</summary>
    private const int LogFileBytes = 1 << 20;
    private const int LogNameLength = 24;

    /// <summary>A server refuses a folder that others can read.</summary>
    private const int OwnersOnly = (int)(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _folders = new(StringComparer.Ordinal);

    private PointLayout()
    {
    }

    /// <summary>Folders to make, with their permissions.</summary>
    public List<(string Path, int Mode)> Folders { get; } = [];

    /// <summary>Each stream and the file that it becomes.</summary>
    public List<LaidOutFile> Files { get; } = [];

    /// <summary>Files that say what else the point knows.</summary>
    public List<(string Path, string Json)> Notes { get; } = [];

    /// <exception cref="VaultException">It has a file outside of its folder.</exception>
    public static PointLayout Of(PointDocument point, string target)
    {
        var layout = new PointLayout();
        switch (point.Kind)
        {
            case "database":
                layout.AddDatabase(point, target);
                break;
            case "bucket":
                layout.AddBucket(point, target);
                break;
            default:
                layout.Files.AddRange(point.Streams.Select(
                    stream => new LaidOutFile(stream, point.Streams.Count == 1 ? target : $"{target}.{stream.Name}")));
                break;
        }

        return layout;
    }

    /// <summary>The base backup in <c>data/</c>, the log that follows in <c>wal/</c>.</summary>
    private void AddDatabase(PointDocument point, string target)
    {
        // Points of before the log was kept beside the files hold these alone.
        var root = point.Properties.ContainsKey("base") ? "" : "data/";
        Folders.AddRange([(target, OwnersOnly), (Path.Combine(target, "data"), OwnersOnly)]);
        foreach (var folder in point.Properties["folders"].EnumerateArray())
        {
            var (path, mode) = Name(folder);
            Folders.Add((Path.Combine(target, path), mode));
        }

        foreach (var stream in point.Streams)
        {
            var (path, mode) = Name(stream.Properties!["file"]);
            var isLog = path.StartsWith("wal/", StringComparison.Ordinal) && Path.GetFileName(path) is { Length: LogNameLength };
            Files.Add(new LaidOutFile(stream, Path.Combine(target, path), mode, isLog ? LogFileBytes : 0));
        }

        (string Path, int Mode) Name(JsonElement file)
        {
            // As they came in a tar: data/./base/.
            var path = string.Join('/', (root + file.GetProperty("path").GetString()).Split('/').Where(part => part is not ("" or ".")));
            return IsSafe(path)
                ? (path, file.GetProperty("mode").GetInt32())
                : throw new VaultException(VaultFault.Damaged, $"Recovery point {point.Id} has a file '{path}', outside of its folder.");
        }
    }

    /// <summary>
    /// The newest version of each object in <c>objects/</c> by its key, all others, and those whose keys are no file's name, in
    /// <c>versions/</c> by number; <c>versions.json</c> has of each its key, metadata and file, <c>bucket.json</c> the bucket's settings.
    /// </summary>
    private void AddBucket(PointDocument point, string target)
    {
        var versions = new List<object>();
        string? newest = null;
        foreach (var stream in point.Streams)
        {
            var version = stream.Properties!["version"];
            var key = version.GetProperty("key").GetString()!;
            var isMarker = version.GetProperty("isDeleteMarker").GetBoolean();
            var file = isMarker ? null : key != newest && TryTake(Current + key) ? Current + key : $"versions/{stream.Name}";
            newest = key;
            versions.Add(new { file, version });
            if (file is not null)
            {
                Files.Add(new LaidOutFile(stream, Path.Combine(target, file)));
            }
        }

        Folders.Add((target, OwnersOnly));
        Notes.Add((Path.Combine(target, "versions.json"), JsonSerializer.Serialize(versions, Json)));
        Notes.Add((Path.Combine(target, "bucket.json"), JsonSerializer.Serialize(point.Properties["bucket"], Json)));
    }

    private static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Whether a path can be a file's, and none is a folder of another or the other way about.</summary>
    private bool TryTake(string path)
    {
        if (!IsSafe(path) || _folders.Contains(path))
        {
            return false;
        }

        var above = new List<string>();
        for (var slash = path.LastIndexOf('/'); slash > 0; slash = path.LastIndexOf('/', slash - 1))
        {
            above.Add(path[..slash]);
        }

        if (above.Exists(_files.Contains))
        {
            return false;
        }

        _folders.UnionWith(above);
        return _files.Add(path);
    }

    private static bool IsSafe(string path) => !path.Contains('\0') && path.Split('/').All(
        segment => segment is not ("" or "." or "..") && Encoding.UTF8.GetByteCount(segment) <= SegmentBytesMax);
}

/// <summary>A file that a stream of a point becomes.</summary>
/// <param name="Mode">Its permissions; null for those that a new file has.</param>
/// <param name="BytesMin">It is filled up with zeros to this.</param>
internal sealed record LaidOutFile(PointStream Stream, string Path, int? Mode = null, long BytesMin = 0);
