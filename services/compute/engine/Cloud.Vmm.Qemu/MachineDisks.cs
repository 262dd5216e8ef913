using System.Globalization;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// The disks of a running machine that come, go and grow. What there is is asked of QEMU each time, so that an agent that was restarted in
/// the middle goes on where the one before it was. One change at a time.
/// </summary>
internal sealed class MachineDisks(TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private const int LooksMax = 40;
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <param name="qmp">The machine.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="device">QEMU's name of the device that it becomes.</param>
    /// <param name="ct">Ends it.</param>
    public Task PlugAsync(QmpClient qmp, VmDisk disk, string device, CancellationToken ct) => InTurnAsync(async () =>
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

            foreach (var node in DiskNodes.Of(disk, files))
            {
                await qmp.ExecuteAsync("blockdev-add", node, ct);
            }

            await qmp.ExecuteAsync("device_add", DiskNodes.Device(disk, device), ct);
            return true;
        }
        catch (QmpException refused) when (refused.ErrorClass != QmpException.Lost)
        {
            await SweepAsync(qmp, disk.Serial, ct);
            throw;
        }
    }, ct);

    /// <summary>False where the guest still has it when the time is over.</summary>
    public Task<bool> UnplugAsync(QmpClient qmp, string serial, TimeSpan limit, CancellationToken ct) => InTurnAsync(async () =>
    {
        var began = time.GetTimestamp();
        long? asked = null;
        while (await HasDeviceAsync(qmp, serial, ct))
        {
            if (time.GetElapsedTime(began) >= limit)
            {
                return false;
            }

            // A guest that is still booting heard nothing of what it was asked before.
            if (asked is not { } at || time.GetElapsedTime(at) >= AskAgain)
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
        var nodes = await qmp.QueryNodesAsync(ct);
        var limit = DiskNodes.LimitOf(serial);
        var root = nodes.Contains(limit) ? limit : DiskNodes.LayerOf(serial, Layers(nodes, serial) - 1);
        await qmp.ExecuteAsync("block_resize", new JsonObject { ["node-name"] = root, ["size"] = sizeBytes }, ct);
        return true;
    }, ct);

    public Task LayOverAsync(QmpClient qmp, IReadOnlyDictionary<string, string> overlays, CancellationToken ct) =>
        LayOverAsync(qmp, overlays, layOver => layOver(), ct);

    /// <param name="qmp">The machine.</param>
    /// <param name="overlays">The new files by the disks' serials.</param>
    /// <param name="when">Is given what lays them over, once they are open, and calls it at its instant.</param>
    /// <param name="ct">Ends it.</param>
    public Task LayOverAsync(
        QmpClient qmp, IReadOnlyDictionary<string, string> overlays, Func<Func<Task>, Task> when, CancellationToken ct) =>
        InTurnAsync(() => LayOverInTurnAsync(qmp, overlays, when, ct), ct);

    private static async Task<bool> LayOverInTurnAsync(
        QmpClient qmp, IReadOnlyDictionary<string, string> overlays, Func<Func<Task>, Task> when, CancellationToken ct)
    {
        var actions = new JsonArray();
        foreach (var (serial, path) in overlays)
        {
            var top = await CountInUseAsync(qmp, serial, ct) - 1;
            if (top < 0)
            {
                throw new VmException("The machine does not have the disk.");
            }

            var overlay = DiskNodes.LayerOf(serial, top + 1);
            using var file = MachineFiles.OpenLayer(path, VmDiskFormat.Qcow2, readOnly: false, serial);
            var set = await qmp.AddFileAsync(file, DiskNodes.DeviceOf(serial), ct);
            await qmp.ExecuteAsync("blockdev-add", DiskNodes.File(overlay, InFdSet(set), readOnly: false), ct);
            await qmp.ExecuteAsync("blockdev-add", DiskNodes.Format(overlay, VmDiskFormat.Qcow2, readOnly: false, below: null), ct);
            actions.Add(new JsonObject
            {
                ["type"] = "blockdev-snapshot",
                ["data"] = new JsonObject { ["node"] = DiskNodes.LayerOf(serial, top), ["overlay"] = overlay },
            });
        }

        await when(() => actions.Count == 0
            ? Task.CompletedTask
            : qmp.ExecuteAsync("transaction", new JsonObject { ["actions"] = actions }, ct));
        return true;
    }

    public void Dispose() => _one.Dispose();

    public Task<int> CountLayersAsync(QmpClient qmp, string serial, CancellationToken ct) =>
        InTurnAsync(() => CountInUseAsync(qmp, serial, ct), ct);

    /// <summary>
    /// How many layers the disk has. One on top that nothing stands on was to be laid over and never was: it is taken away, as it would be
    /// taken for the one that is written.
    /// </summary>
    private static async Task<int> CountInUseAsync(QmpClient qmp, string serial, CancellationToken ct)
    {
        var nodes = await qmp.QueryNodesAsync(ct);
        for (var count = Layers(nodes, serial); count > 0; count--)
        {
            var top = DiskNodes.LayerOf(serial, count - 1);
            try
            {
                await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = top }, ct);
                await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = DiskNodes.FileOf(top) }, ct);
            }
            catch (QmpException inUse) when (inUse.ErrorClass != QmpException.Lost)
            {
                return count;
            }
        }

        return 0;
    }

    private static int Layers(IReadOnlySet<string> nodes, string serial)
    {
        var count = 0;
        while (nodes.Contains(DiskNodes.LayerOf(serial, count)))
        {
            count++;
        }

        return count;
    }

    private static async Task<List<string>> GiveFilesAsync(QmpClient qmp, VmDisk disk, CancellationToken ct)
    {
        var names = new List<string> { await GiveAsync(disk.Path, disk.Format, disk.ReadOnly) };
        foreach (var layer in disk.Backing)
        {
            names.Add(await GiveAsync(layer.Path, layer.Format, readOnly: true));
        }

        return names;

        async Task<string> GiveAsync(string path, VmDiskFormat format, bool readOnly)
        {
            using SafeFileHandle file = MachineFiles.OpenLayer(path, format, readOnly, disk.Serial);
            return InFdSet(await qmp.AddFileAsync(file, DiskNodes.DeviceOf(disk.Serial), ct));
        }
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
        var nodes = await qmp.QueryNodesAsync(ct);
        await DeleteAsync(DiskNodes.LimitOf(serial));
        for (var level = nodes.Count; level >= 0; level--)
        {
            var layer = DiskNodes.LayerOf(serial, level);
            await DeleteAsync(layer);
            await DeleteAsync(DiskNodes.FileOf(layer));
        }

        try
        {
            await qmp.ExecuteAsync("object-del", new JsonObject { ["id"] = DiskNodes.LimitOf(serial) }, ct);
        }
        catch (QmpException none) when (none.ErrorClass != QmpException.Lost)
        {
            // It had no limits.
        }

        await qmp.RemoveFilesAsync(DiskNodes.DeviceOf(serial), ct);

        async Task DeleteAsync(string node)
        {
            for (var tries = 1; nodes.Contains(node); tries++)
            {
                try
                {
                    await qmp.ExecuteAsync("blockdev-del", new JsonObject { ["node-name"] = node }, ct);
                    return;
                }
                catch (QmpException inUse) when (inUse.ErrorClass != QmpException.Lost && tries < LooksMax)
                {
                    // A device that has gone lets go of its disk a moment later.
                    await Task.Delay(Look, time, ct);
                }
            }
        }
    }

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

    private static string InFdSet(long set) => string.Create(CultureInfo.InvariantCulture, $"/dev/fdset/{set}");
}
