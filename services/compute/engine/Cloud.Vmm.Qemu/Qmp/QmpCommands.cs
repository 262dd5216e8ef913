using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Qmp;

/// <summary>The commands that a machine uses, by QEMU's names (qapi/).</summary>
internal static class QmpCommands
{
    /// <summary>Runs the guest: from its start, or after a stop.</summary>
    public static Task ContinueAsync(this QmpClient qmp, CancellationToken ct) => qmp.ExecuteAsync("cont", null, ct);

    public static Task StopAsync(this QmpClient qmp, CancellationToken ct) => qmp.ExecuteAsync("stop", null, ct);

    public static Task SystemPowerDownAsync(this QmpClient qmp, CancellationToken ct) => qmp.ExecuteAsync("system_powerdown", null, ct);

    public static Task SystemResetAsync(this QmpClient qmp, CancellationToken ct) => qmp.ExecuteAsync("system_reset", null, ct);

    /// <summary>Ends the process; its disks are flushed and closed before.</summary>
    public static Task QuitAsync(this QmpClient qmp, CancellationToken ct) => qmp.ExecuteAsync("quit", null, ct);

    /// <summary>The run state's name: <c>running</c>, <c>paused</c>, <c>prelaunch</c>, <c>shutdown</c>, <c>guest-panicked</c>, …</summary>
    public static async Task<string> QueryStatusAsync(this QmpClient qmp, CancellationToken ct)
    {
        var status = await qmp.ExecuteAsync("query-status", null, ct);
        return status.ValueKind == JsonValueKind.Object && status.TryGetProperty("status", out var name)
            && name.ValueKind == JsonValueKind.String
            ? name.GetString()!
            : throw new QmpException(QmpException.Lost, "The status has no name.");
    }

    /// <summary>Counters of each disk by its device's id.</summary>
    public static async Task<IReadOnlyDictionary<string, QmpBlockStats>> QueryBlockStatsAsync(this QmpClient qmp, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-blockstats", null, ct);
        var byDevice = new Dictionary<string, QmpBlockStats>(StringComparer.Ordinal);
        foreach (var node in answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
        {
            if (node.ValueKind == JsonValueKind.Object
                && node.TryGetProperty("qdev", out var path) && path.ValueKind == JsonValueKind.String
                && node.TryGetProperty("stats", out var stats) && stats.ValueKind == JsonValueKind.Object)
            {
                byDevice[DeviceId(path.GetString()!)] = new QmpBlockStats(
                    Number(stats, "rd_bytes"), Number(stats, "rd_operations"), Number(stats, "wr_bytes"), Number(stats, "wr_operations"),
                    Number(stats, "flush_operations"), Time(stats, "rd_total_time_ns"), Time(stats, "wr_total_time_ns"),
                    Time(stats, "flush_total_time_ns"));
            }
        }

        return byDevice;
    }

    /// <summary>
    /// The nodes of a device's disk, from the one that it has down the files that each lies over; none for no such device.
    /// </summary>
    public static async Task<IReadOnlyList<string>> QueryChainAsync(this QmpClient qmp, string device, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-blockstats", null, ct);
        var nodes = new List<string>();
        foreach (var disk in answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
        {
            if (disk.ValueKind == JsonValueKind.Object && disk.TryGetProperty("qdev", out var path)
                && path.ValueKind == JsonValueKind.String && DeviceId(path.GetString()!) == device)
            {
                var node = disk;
                do
                {
                    if (node.TryGetProperty("node-name", out var name) && name.ValueKind == JsonValueKind.String)
                    {
                        nodes.Add(name.GetString()!);
                    }
                }
                while (node.TryGetProperty("backing", out node) && node.ValueKind == JsonValueKind.Object);
            }
        }

        return nodes;
    }

    /// <summary>The same of an export, of a storage daemon.</summary>
    /// <param name="qmp">The daemon.</param>
    /// <param name="export">The export's id.</param>
    /// <param name="isBelow">Whether what a node has as its file is the next, where it has nothing that it lies over.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task<IReadOnlyList<string>> QueryExportAsync(
        this QmpClient qmp, string export, Predicate<string> isBelow, CancellationToken ct)
    {
        var exports = await qmp.ExecuteAsync("query-block-exports", null, ct);
        var node = exports.EnumerateArray().Where(one => one.GetProperty("id").GetString() == export)
            .Select(one => one.GetProperty("node-name").GetString()).FirstOrDefault();
        var graph = await qmp.ExecuteAsync("x-debug-query-block-graph", null, ct);
        var names = graph.GetProperty("nodes").EnumerateArray()
            .ToDictionary(one => one.GetProperty("id").GetInt64(), one => one.GetProperty("name").GetString()!);
        var edges = graph.GetProperty("edges").EnumerateArray().Select(edge => (
            Parent: names[edge.GetProperty("parent").GetInt64()], Child: names[edge.GetProperty("child").GetInt64()],
            Name: edge.GetProperty("name").GetString())).ToList();
        var nodes = new List<string>();
        while (node is not null && nodes.Count <= names.Count)
        {
            nodes.Add(node);
            node = edges.FirstOrDefault(edge => edge.Parent == node
                && (edge.Name == "backing" || (edge.Name == "file" && isBelow(edge.Child)))).Child;
        }

        return nodes;
    }

    /// <summary>The names of all block nodes.</summary>
    public static async Task<IReadOnlySet<string>> QueryNodesAsync(this QmpClient qmp, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-named-block-nodes", new JsonObject { ["flat"] = true }, ct);
        return (answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
            .Select(node => node.ValueKind == JsonValueKind.Object && node.TryGetProperty("node-name", out var name)
                && name.ValueKind == JsonValueKind.String ? name.GetString() : null)
            .OfType<string>().ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The ids of the objects that were made by name.</summary>
    public static async Task<IReadOnlyList<string>> QueryObjectsAsync(this QmpClient qmp, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = "/objects" }, ct);
        return (answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
            .Select(entry => entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("name", out var name)
                && name.ValueKind == JsonValueKind.String ? name.GetString() : null)
            .OfType<string>().Where(name => name.Length > 0).ToList();
    }

    /// <summary>Gives the process an open file, in a set of its own.</summary>
    /// <returns>The set's number.</returns>
    public static async Task<long> AddFileAsync(this QmpClient qmp, SafeFileHandle file, string of, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("add-fd", new JsonObject { ["opaque"] = of }, file, ct);
        return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("fdset-id", out var set)
            && set.ValueKind == JsonValueKind.Number && set.TryGetInt64(out var number)
            ? number
            : throw new QmpException(QmpException.Lost, "The file was given no number.");
    }

    /// <summary>Closes the files that were given for some purposes, where nothing has them open any more.</summary>
    public static async Task RemoveFilesAsync(this QmpClient qmp, Predicate<string> of, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-fdsets", null, ct);
        foreach (var set in answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
        {
            if (set.ValueKind == JsonValueKind.Object
                && set.TryGetProperty("fdset-id", out var id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var number)
                && set.TryGetProperty("fds", out var files) && files.ValueKind == JsonValueKind.Array
                && files.EnumerateArray().Any(file => file.ValueKind == JsonValueKind.Object
                    && file.TryGetProperty("opaque", out var what) && what.ValueKind == JsonValueKind.String && of(what.GetString()!)))
            {
                await qmp.ExecuteAsync("remove-fd", new JsonObject { ["fdset-id"] = number }, ct);
            }
        }
    }

    private static TimeSpan Time(JsonElement stats, string nanoseconds) =>
        TimeSpan.FromTicks(Number(stats, nanoseconds) / TimeSpan.NanosecondsPerTick);

    private static long Number(JsonElement stats, string name) =>
        stats.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : 0;

    /// <summary><c>disk0</c> of <c>/machine/peripheral/disk0/virtio-backend</c>, and of <c>disk0</c>.</summary>
    private static string DeviceId(string path)
    {
        const string Peripheral = "/machine/peripheral/";
        return path.StartsWith(Peripheral, StringComparison.Ordinal) ? path[Peripheral.Length..].Split('/')[0] : path;
    }
}

/// <summary>Counters of one block device since the machine's start.</summary>
internal sealed record QmpBlockStats(
    long ReadBytes, long ReadOperations, long WrittenBytes, long WriteOperations, long FlushOperations, TimeSpan ReadTime,
    TimeSpan WriteTime, TimeSpan FlushTime);
