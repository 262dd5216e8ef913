using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// The disks of a running machine that come, go and grow. What there is is asked of QEMU each time, so that an agent that was restarted in
/// the middle goes on where the one before it was. One change at a time.
/// </summary>
internal sealed class MachineDisks(TimeProvider time, IDiskHolder holder) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private const int LooksMax = 40;

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <param name="qmp">The machine.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="board">What the machine is built on.</param>
    /// <param name="ct">Ends it.</param>
    public Task PlugAsync(QmpClient qmp, VmDisk disk, QemuBoard board, CancellationToken ct) => InTurnAsync(async () =>
    {
        if (await HasDeviceAsync(qmp, disk.Serial, ct))
        {
            return true;
        }

        await SweepAsync(qmp, disk.Serial, ct);
        try
        {
            var files = await GiveFilesAsync(qmp, disk, ct);
            if (DiskNodes.Limits(disk) is { } limits)
            {
                await qmp.ExecuteAsync("object-add", limits, ct);
            }

            foreach (var (layer, key) in DiskNodes.KeysOf(disk))
            {
                await qmp.ExecuteAsync("object-add", DiskNodes.Secret(layer, key), ct);
            }

            foreach (var node in DiskNodes.Of(disk, files))
            {
                await qmp.ExecuteAsync("blockdev-add", node, ct);
            }

            var device = DiskNodes.Device(disk, board.LateDisk!);
            if (board.LateBuses.Count > 0)
            {
                device["bus"] = await FindFreeBusAsync(qmp, board, ct);
            }

            await qmp.ExecuteAsync("device_add", device, ct);
            return true;
        }
        catch (QmpException refused) when (refused.ErrorClass != QmpException.Lost)
        {
            await SweepAsync(qmp, disk.Serial, ct);
            throw;
        }
    }, ct);

    /// <summary>False where the guest still has it when the time is over.</summary>
    public Task<bool> UnplugAsync(QmpClient qmp, string serial, QemuBoard board, TimeSpan limit, CancellationToken ct) =>
        InTurnAsync(async () =>
        {
            var began = time.GetTimestamp();
            long? asked = null;
            while (await HasDeviceAsync(qmp, serial, ct))
            {
                if (time.GetElapsedTime(began) >= limit)
                {
                    return false;
                }

                if (asked is not { } at || time.GetElapsedTime(at) >= board.AskAgain)
                {
                    await AskToLetGoAsync(qmp, serial, ct);
                    asked = time.GetTimestamp();
                }

                await Task.Delay(Look, time, ct);
            }

            await SweepAsync(qmp, serial, ct);
            return true;
        }, ct);

    public Task GrowAsync(QmpClient qmp, string serial, long sizeBytes, CancellationToken ct) => InTurnAsync(async () =>
    {
        var chain = await holder.QueryChainAsync(qmp, serial, ct);
        var root = chain.Count > 0 ? chain[0] : throw new VmException("The machine does not have the disk.");
        await qmp.ExecuteAsync("block_resize", new JsonObject { ["node-name"] = root, ["size"] = sizeBytes }, ct);
        return true;
    }, ct);

    public Task LayOverAsync(QmpClient qmp, IReadOnlyDictionary<string, VmDiskLayer> overlays, CancellationToken ct) =>
        LayOverAsync(qmp, overlays, layOver => layOver(), ct);

    /// <param name="qmp">The machine.</param>
    /// <param name="overlays">The new files by the disks' serials.</param>
    /// <param name="when">Is given what lays them over, once they are open, and calls it at its instant.</param>
    /// <param name="ct">Ends it.</param>
    public Task LayOverAsync(
        QmpClient qmp, IReadOnlyDictionary<string, VmDiskLayer> overlays, Func<Func<Task>, Task> when, CancellationToken ct) =>
        InTurnAsync(() => LayOverInTurnAsync(qmp, overlays, when, ct), ct);

    private async Task<bool> LayOverInTurnAsync(
        QmpClient qmp, IReadOnlyDictionary<string, VmDiskLayer> overlays, Func<Func<Task>, Task> when, CancellationToken ct)
    {
        var actions = new JsonArray();
        foreach (var (serial, layer) in overlays)
        {
            var chain = await ReadChainAsync(qmp, serial, ct);
            if (chain.Count == 0)
            {
                throw new VmException("The machine does not have the disk.");
            }

            var overlay = await AddLayerAsync(qmp, serial, layer, readOnly: false, below: null, ct);
            actions.Add(new JsonObject
            {
                ["type"] = "blockdev-snapshot",
                ["data"] = new JsonObject { ["node"] = chain[0], ["overlay"] = overlay },
            });
        }

        await when(() => actions.Count == 0
            ? Task.CompletedTask
            : qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct));
        return true;
    }

    public void Dispose() => _one.Dispose();

    public Task<bool> HasLayerAsync(QmpClient qmp, string serial, string path, CancellationToken ct) =>
        InTurnAsync(async () => (await ReadChainAsync(qmp, serial, ct)).Contains(DiskNodes.LayerOf(serial, path)), ct);

    /// <summary>
    /// Opens the new file over what lies below the old ones, and has the one above them lie over it. Either all of it is so or nothing:
    /// the file above is given its new backing file in one step.
    /// </summary>
    public Task<bool> ReplaceLayersAsync(
        QmpClient qmp, string serial, IReadOnlyList<string> layers, VmDiskLayer merged, CancellationToken ct) => InTurnAsync(async () =>
    {
        var chain = await ReadChainAsync(qmp, serial, ct);
        var old = layers.Select(path => DiskNodes.LayerOf(serial, path)).ToList();
        var first = chain.ToList().IndexOf(old[0]);
        if (first < 1 || !chain.Skip(first).Take(old.Count).SequenceEqual(old))
        {
            return false;
        }

        var node = await AddLayerAsync(qmp, serial, merged, readOnly: true, chain.ElementAtOrDefault(first + old.Count), ct);
        var isEncrypted = (await holder.QuerySecretsAsync(qmp, ct)).Contains(DiskNodes.SecretOf(chain[first - 1]));
        var above = DiskNodes.Format(chain[first - 1], VmDiskFormat.Qcow2, readOnly: first > 1, below: node, isEncrypted);
        await qmp.ExecuteAsync("blockdev-reopen", new JsonObject { ["options"] = new JsonArray(above) }, ct);
        await ReadChainAsync(qmp, serial, ct);
        return true;
    }, ct);

    private async Task<string> AddLayerAsync(
        QmpClient qmp, string serial, VmDiskLayer layer, bool readOnly, string? below, CancellationToken ct)
    {
        var node = DiskNodes.LayerOf(serial, layer.Path);
        var file = await holder.GiveFileAsync(qmp, layer.Path, VmDiskFormat.Qcow2, readOnly, serial, ct);
        if (layer.Key is { } key)
        {
            await qmp.ExecuteAsync("object-add", DiskNodes.Secret(node, key), ct);
        }

        await qmp.ExecuteAsync("blockdev-add", DiskNodes.File(node, file, readOnly), ct);
        await qmp.ExecuteAsync("blockdev-add", DiskNodes.Format(node, VmDiskFormat.Qcow2, readOnly, below, layer.Key is not null), ct);
        return node;
    }

    /// <summary>
    /// The disk's files that are in use, the one that is written first. Others were to be laid over and never were, or lie no more below:
    /// they are taken away.
    /// </summary>
    private async Task<IReadOnlyList<string>> ReadChainAsync(QmpClient qmp, string serial, CancellationToken ct)
    {
        var chain = (await holder.QueryChainAsync(qmp, serial, ct)).Where(node => DiskNodes.IsLayerOf(serial, node)).ToList();
        if (chain.Count > 0)
        {
            await DeleteLayersAsync(qmp, serial, except: chain, ct);
        }

        return chain;
    }

    /// <summary>Takes files of a disk away; each after those that lie over it.</summary>
    private async Task DeleteLayersAsync(QmpClient qmp, string serial, IReadOnlyList<string> except, CancellationToken ct)
    {
        var nodes = await qmp.QueryNodesAsync(ct);
        var others = nodes.Where(node => DiskNodes.IsLayerOf(serial, node)).Except(except);
        var theirFiles = nodes.Where(node => node[0] == 'f' && IsOther($"d{node[1..]}"));
        var left = others.Concat(theirFiles).ToList();
        for (var tries = 1; left.Count > 0 && tries <= LooksMax; tries++)
        {
            var before = left.Count;
            foreach (var node in left.ToList())
            {
                if (await DeleteNodeAsync(qmp, node, ct))
                {
                    left.Remove(node);
                }
            }

            if (left.Count == before)
            {
                // A device that has gone lets go of its disk a moment later.
                await Task.Delay(Look, time, ct);
            }
        }

        foreach (var secret in (await holder.QuerySecretsAsync(qmp, ct)).Where(id => id[0] == 's' && IsOther($"d{id[1..]}")))
        {
            await qmp.ExecuteAsync("object-del", new JsonObject { ["id"] = secret }, ct);
        }

        await holder.TakeFilesBackAsync(qmp, IsOther, ct);

        bool IsOther(string node) => DiskNodes.IsLayerOf(serial, node) && !except.Contains(node);
    }

    private static async Task<bool> DeleteNodeAsync(QmpClient qmp, string node, CancellationToken ct)
    {
        try
        {
            await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node }, ct);
            return true;
        }
        catch (QmpException inUse) when (inUse.ErrorClass != QmpException.Lost)
        {
            return false;
        }
    }

    private async Task<List<string>> GiveFilesAsync(QmpClient qmp, VmDisk disk, CancellationToken ct)
    {
        var names = new List<string> { await holder.GiveFileAsync(qmp, disk.Path, disk.Format, disk.ReadOnly, disk.Serial, ct) };
        foreach (var layer in disk.Backing)
        {
            names.Add(await holder.GiveFileAsync(qmp, layer.Path, layer.Format, readOnly: true, disk.Serial, ct));
        }

        return names;
    }

    private static async Task<string> FindFreeBusAsync(QmpClient qmp, QemuBoard board, CancellationToken ct)
    {
        var taken = (await MachineSlots.ReadAsync(qmp, ct)).Values.Select(slot => MachineSlots.BusOf(slot)).ToHashSet();
        return board.LateBuses.FirstOrDefault(bus => !taken.Contains(bus))
            ?? throw new QmpException("GenericError", "All of its slots for disks are taken.");
    }

    private static async Task<bool> HasDeviceAsync(QmpClient qmp, string serial, CancellationToken ct) =>
        (await qmp.QueryBlockStatsAsync(ct)).ContainsKey(DiskNodes.DeviceOf(serial));

    private static async Task AskToLetGoAsync(QmpClient qmp, string serial, CancellationToken ct)
    {
        try
        {
            await qmp.ExecuteAsync("device_del", new JsonObject { ["id"] = DiskNodes.DeviceOf(serial) }, ct);
        }
        catch (QmpException under) when (under.ErrorClass != QmpException.Lost)
        {
            // It is on its way already, or gone since the last look.
        }
    }

    /// <summary>Takes away what is left of a disk that has no device, from the top down.</summary>
    private async Task SweepAsync(QmpClient qmp, string serial, CancellationToken ct)
    {
        var limit = DiskNodes.LimitOf(serial);
        var hasLimit = (await qmp.QueryNodesAsync(ct)).Contains(limit);
        for (var tries = 1; hasLimit && tries <= LooksMax && !await DeleteNodeAsync(qmp, limit, ct); tries++)
        {
            await Task.Delay(Look, time, ct);
        }

        await DeleteLayersAsync(qmp, serial, except: [], ct);
        try
        {
            await qmp.ExecuteAsync("object-del", new JsonObject { ["id"] = limit }, ct);
        }
        catch (QmpException none) when (none.ErrorClass != QmpException.Lost)
        {
            // It had no limits.
        }
    }

    /// <summary>Does something during which no disk comes, goes or changes its files.</summary>
    public Task<T> HoldAsync<T>(Func<Task<T>> act, CancellationToken ct) => InTurnAsync(act, ct);

    private async Task<T> InTurnAsync<T>(Func<Task<T>> act, CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            return await act();
        }
        finally
        {
            _one.Release();
        }
    }
}
