using System.Globalization;
using Cloud.Database.Databases;

namespace Cloud.Database.Servers;

/// <summary>Where a generation of a database lies: <c>{folder}/{id}/{generation}</c>, all of it its server's user's.</summary>
internal sealed record ServerFolder(string Root)
{
    /// <summary>Redis's log of writes, in the data folder.</summary>
    public const string AppendOnlyName = "appendonlydir";

    /// <summary>Redis's users, in the data folder.</summary>
    public const string RedisUsersName = "users.acl";

    public static ServerFolder Of(DatabaseOptions options, DatabaseId database, int generation) => new(
        Path.Combine(options.Folder, database.Value, generation.ToString(CultureInfo.InvariantCulture)));

    /// <summary>Where the server itself has it: in a container, its volume.</summary>
    public static ServerFolder Of(DatabaseOptions options, ManagedDatabase database) =>
        database.Placement == DatabasePlacement.Container
            ? new(string.Create(CultureInfo.InvariantCulture, $"/srv/{database.Id}/{database.Generation}"))
            : Of(options, database.Id, database.Generation);

    /// <summary>Being filled: it becomes the folder by a rename, whole.</summary>
    public ServerFolder Unfinished => new(Root + ".new");

    public string Data => Path.Combine(Root, "data");

    public string Settings => Path.Combine(Data, "postgresql.conf");

    public string Access => Path.Combine(Data, "pg_hba.conf");

    public string ProcessFile => Path.Combine(Data, File.Exists(RedisSettings) ? "redis.pid" : "postmaster.pid");

    public string RedisSettings => Path.Combine(Data, "redis.conf");

    /// <summary>Redis's users, with what each may do.</summary>
    public string RedisUsers => Path.Combine(Data, RedisUsersName);

    /// <summary>Redis's log of writes (<c>appenddirname</c>).</summary>
    public string AppendOnly => Path.Combine(Data, AppendOnlyName);

    public string AppendOnlyManifest => Path.Combine(AppendOnly, "appendonly.aof.manifest");

    /// <summary>What the rewrite of Redis's log removes, until it is archived.</summary>
    public string Unarchived => Path.Combine(Root, "unarchived");

    public string Control => Path.Combine(Data, "global", "pg_control");

    /// <summary>The write-ahead log.</summary>
    public string Log => Path.Combine(Data, "pg_wal");

    /// <summary>Says that the server starts by a recovery.</summary>
    public string RecoverySignal => Path.Combine(Data, "recovery.signal");

    /// <summary>The settings of a recovery; gone at the first start after it.</summary>
    public string Recovery => Path.Combine(Root, "recovery.conf");

    /// <summary>The log that a recovery replays.</summary>
    public string Replayed => Path.Combine(Root, "wal");

    public string Certificates => Path.Combine(Root, "tls");

    public string Logs => Path.Combine(Root, "log");

    public string StartLog => Path.Combine(Root, "start.log");

    public bool IsMade => File.Exists(Path.Combine(Data, "PG_VERSION")) || File.Exists(RedisUsers);

    /// <summary>What its files take on the disk, in bytes.</summary>
    public long UsedBytes()
    {
        var bytes = 0L;
        var files = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var file in new DirectoryInfo(Root).EnumerateFiles("*", files))
        {
            try
            {
                bytes += file.Length;
            }
            catch (FileNotFoundException)
            {
                // The server has removed it since.
            }
        }

        return bytes;
    }

    /// <summary>Fills a folder that appears whole and durable, or not at all; kept where it is there.</summary>
    public async Task FillAsync(Func<ServerFolder, Task> fill)
    {
        if (IsMade)
        {
            return;
        }

        var unfinished = Unfinished;
        if (Directory.Exists(unfinished.Root))
        {
            Directory.Delete(unfinished.Root, recursive: true);
        }

        Directory.CreateDirectory(unfinished.Data, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await fill(unfinished);
        await FileSystemSync.RunAsync(unfinished.Root);
        Directory.Move(unfinished.Root, Root);
    }

    public void Remove()
    {
        foreach (var folder in new[] { Root, Unfinished.Root }.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
