using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Copies of a running machine's disks to where they are awaited, over NBD (docs/interop/nbd.txt): first what a disk's own file holds, from
/// then on what the guest writes, on both sides at once (QEMU's mirror job). A job and its node have names of their own, so that an agent
/// that was restarted in the middle takes them away.
/// </summary>
internal sealed class DiskMirrors(QmpClient qmp, TimeProvider time)
{
    private const string Prefix = "m-";
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);
    private readonly List<string> _begun = [];

    /// <param name="serial">The disk.</param>
    /// <param name="socket">Where its export is reached, a Unix socket's name in the process's folder.</param>
    /// <param name="ct">Ends it.</param>
    public async Task BeginAsync(string serial, string socket, CancellationToken ct)
    {
        var chain = await qmp.QueryChainAsync(DiskNodes.DeviceOf(serial), ct);
        var name = Prefix + serial;
        await qmp.ExecuteAsync(
            "blockdev-add",
            new JsonObject
            {
                ["driver"] = "nbd",
                ["node-name"] = name,
                ["export"] = serial,
                ["server"] = new JsonObject { ["type"] = "unix", ["path"] = socket },
            },
            ct);
        await qmp.ExecuteAsync(
            "blockdev-mirror",
            new JsonObject
            {
                ["job-id"] = name,
                ["device"] = chain.Count > 0 ? chain[0] : throw new VmException("The machine does not have the disk."),
                ["target"] = name,
                ["sync"] = "top",
                ["copy-mode"] = "write-blocking",
                ["auto-dismiss"] = false,
            },
            ct);
        _begun.Add(name);
    }

    /// <summary>How far they are; whether all only follow the guest's writes by now.</summary>
    /// <exception cref="QmpException">One has failed.</exception>
    public async Task<(long Bytes, long BytesTotal, bool Follow)> ReadAsync(CancellationToken ct)
    {
        var (bytes, total, follow) = (0L, 0L, true);
        foreach (var job in await QueryAsync(ct))
        {
            if (job.Status == "concluded")
            {
                throw new QmpException("GenericError", $"A disk could not be copied: {job.Error ?? "its copy ended"}.");
            }

            bytes += job.Bytes;
            total += job.BytesTotal;
            follow &= job.Status == "ready";
        }

        return (bytes, total, follow);
    }

    /// <summary>Ends them, with all written over there and flushed. The guest stands still; they are taken away with its process.</summary>
    /// <exception cref="QmpException">One has failed.</exception>
    public async Task CompleteAsync(CancellationToken ct)
    {
        // In this state of a job its end is no failure: what it copied stays.
        await Task.WhenAll(_begun.Select(job => qmp.ExecuteAsync(
            "block-job-cancel", new JsonObject { ["device"] = job, ["force"] = false }, ct)));
        await AwaitAllConcludedAsync(failOnError: true, ct);
    }

    /// <summary>Takes away what there is of them.</summary>
    public async Task RemoveAsync()
    {
        foreach (var job in (await QueryAsync(CancellationToken.None)).Where(job => job.Status != "concluded"))
        {
            try
            {
                await qmp.ExecuteAsync(
                    "block-job-cancel", new JsonObject { ["device"] = job.Id, ["force"] = true }, CancellationToken.None);
            }
            catch (QmpException ends) when (ends.ErrorClass != QmpException.Lost)
            {
                // It is on its way out already.
            }
        }

        await AwaitAllConcludedAsync(failOnError: false, CancellationToken.None);
        await DismissAsync(CancellationToken.None);
    }

    private async Task AwaitAllConcludedAsync(bool failOnError, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (time.GetElapsedTime(began) < EndLimit)
        {
            var next = qmp.NextEvent;
            var jobs = await QueryAsync(ct);
            if (failOnError && jobs.FirstOrDefault(job => job is { Status: "concluded", Error: not null }) is { Id: not null } failed)
            {
                throw new QmpException("GenericError", $"A disk could not be copied: {failed.Error}.");
            }

            if (jobs.All(job => job.Status == "concluded"))
            {
                return;
            }

            await qmp.AwaitAsync(next, EndLimit, ct);
        }

        throw new QmpException("GenericError", "The copying of a disk does not end.");
    }

    private async Task DismissAsync(CancellationToken ct)
    {
        foreach (var job in await QueryAsync(ct))
        {
            await qmp.ExecuteAsync("job-dismiss", new JsonObject { ["id"] = job.Id }, ct);
        }

        foreach (var node in (await qmp.QueryNodesAsync(ct)).Where(node => node.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node }, ct);
        }
    }

    private async Task<IReadOnlyList<Job>> QueryAsync(CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-jobs", null, ct);
        return (answer.ValueKind == JsonValueKind.Array ? answer.EnumerateArray() : default)
            .Where(job => job.ValueKind == JsonValueKind.Object)
            .Select(job => new Job(
                Text(job, "id") ?? "", Text(job, "status") ?? "", Number(job, "current-progress"), Number(job, "total-progress"),
                Text(job, "error")))
            .Where(job => job.Id.StartsWith(Prefix, StringComparison.Ordinal)).ToList();
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long Number(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : 0;

    private readonly record struct Job(string Id, string Status, long Bytes, long BytesTotal, string? Error);
}
