using System.Diagnostics;
using System.Globalization;

namespace Cloud.EndToEnd.Tests;

/// <summary>The processes of databases' servers in containers, as their host sees them.</summary>
internal static class ServerProcesses
{
    private const string First = "/usr/lib/cloud/server\0run\0/srv/";
    private const string PostgresServer = "/usr/lib/postgresql/15/bin/postgres\0-D\0/srv/";
    private const string RedisServer = "/usr/bin/redis-server\0/srv/";

    /// <summary>The first processes of a cloud's containers, by their databases.</summary>
    public static ILookup<string, string> In(string data) => Process.GetProcesses()
        .Select(process => (process.Id, Line: CommandLineOf(process.Id)))
        .Where(one => one.Line.StartsWith(First, StringComparison.Ordinal)
            && new FileInfo($"/proc/{ParentOf(one.Id)}/cwd").LinkTarget?.StartsWith(data, StringComparison.Ordinal) == true)
        .ToLookup(one => one.Line[First.Length..].Split('/')[0], one => one.Line.Replace('\0', ' '));

    /// <summary>What a server's container began, and not what that began: the latter has its command line for a moment.</summary>
    public static Process Postmaster(string database) => ServerOf(PostgresServer, database);

    /// <summary>The same, of Redis.</summary>
    public static Process Redis(string database) => ServerOf(RedisServer, database);

    private static Process ServerOf(string server, string database) => Process.GetProcesses().Single(
        process => CommandLineOf(process.Id).StartsWith($"{server}{database}/", StringComparison.Ordinal)
            && CommandLineOf(ParentOf(process.Id)).StartsWith(First, StringComparison.Ordinal));

    /// <summary>Who holds the container of a server.</summary>
    public static Process ShimOf(int server) => Process.GetProcessById(ParentOf(ParentOf(server)));

    /// <summary>What the kernel holds a process and all of its cgroup to, in bytes; by cgroup v1 or v2.</summary>
    public static long MemoryLimitOf(int process)
    {
        var lines = File.ReadAllLines($"/proc/{process}/cgroup").Select(line => line.Split(':', 3)).ToList();
        var path = lines.Find(line => line[1].Split(',').Contains("memory")) is { } old
            ? $"/sys/fs/cgroup/memory{old[2]}/memory.limit_in_bytes"
            : $"/sys/fs/cgroup{lines[0][2]}/memory.max";
        return long.Parse(File.ReadAllText(path), CultureInfo.InvariantCulture);
    }

    public static IReadOnlyList<string> NetworksOf(int process) =>
        File.ReadAllLines($"/proc/{process}/net/dev").Skip(2).Select(line => line.Split(':')[0].Trim()).ToList();

    /// <summary>The size of the file system that a database's data lies on.</summary>
    public static long VolumeBytesOf(int server, string database) => new DriveInfo($"/proc/{server}/root/srv/{database}/1").TotalSize;

    private static int ParentOf(int process) => int.Parse(
        File.ReadAllText($"/proc/{process}/stat").Split(") ", 2)[1].Split(' ')[1], CultureInfo.InvariantCulture);

    private static string CommandLineOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
