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
                    Number(stats, "rd_bytes"), Number(stats, "rd_operations"), Number(stats, "wr_bytes"), Number(stats, "wr_operations"));
            }
        }

        return byDevice;
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

    /// <summary>Closes the files that were given for one purpose, where nothing has them open any more.</summary>
    public static async Task RemoveFilesAsync(this QmpClient qmp, string of, CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-fdsets", null, ct);
        foreach (var set in answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
        {
            if (set.ValueKind == JsonValueKind.Object
                && set.TryGetProperty("fdset-id", out var id) && id.ValueKind == JsonValueKind.Number && id.TryGetInt64(out var number)
                && set.TryGetProperty("fds", out var files) && files.ValueKind == JsonValueKind.Array
                && files.EnumerateArray().Any(file => file.ValueKind == JsonValueKind.Object
                    && file.TryGetProperty("opaque", out var what) && what.ValueKind == JsonValueKind.String && what.GetString() == of))
            {
                await qmp.ExecuteAsync("remove-fd", new JsonObject { ["fdset-id"] = number }, ct);
            }
        }
    }

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
internal sealed record QmpBlockStats(long ReadBytes, long ReadOperations, long WrittenBytes, long WriteOperations);
