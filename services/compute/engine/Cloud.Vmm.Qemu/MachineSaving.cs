using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Saves and loads what a machine is, by QEMU's migration to and from a file (docs/devel/migration.rst): memory is written while the guest
/// runs, what it changed meanwhile is written again, and for the rest, and the devices, it stands still.
/// </summary>
internal sealed class MachineSaving(QmpClient qmp, MachineDisks disks, TimeProvider time)
{
    /// <summary>A guest that changes memory faster than it is written is stopped after this, and the rest written then.</summary>
    private static readonly TimeSpan RunLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Where no event tells of anything.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan EndLook = TimeSpan.FromMilliseconds(1);
    private const string FileName = "saved";

    /// <summary>No bound: it goes to a file and not to a network.</summary>
    private const long BytesPerSecondMax = 1L << 40;

    private const int StandstillMilliseconds = 100;

    /// <summary>Saves to an open file, and lays the overlays at the same instant. The guest stands still when this ends well.</summary>
    /// <param name="file">Empty.</param>
    /// <param name="overlays">By the disks' serials.</param>
    /// <exception cref="QmpException">It could not be saved; the guest goes on as it was.</exception>
    /// <exception cref="VmException">A disk cannot be laid over; the guest goes on as it was.</exception>
    public Task SaveAsync(SafeFileHandle file, IReadOnlyDictionary<string, VmDiskLayer> overlays) =>
        disks.LayOverAsync(qmp, overlays, async layOver =>
        {
            await SetCapabilitiesAsync(qmp, ("pause-before-switchover", true));
            await qmp.ExecuteAsync(
                "migrate-set-parameters",
                new JsonObject { ["max-bandwidth"] = BytesPerSecondMax, ["downtime-limit"] = StandstillMilliseconds },
                CancellationToken.None);
            await qmp.ExecuteAsync("getfd", new JsonObject { ["fdname"] = FileName }, file, CancellationToken.None);
            await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = $"fd:{FileName}" }, CancellationToken.None);
            try
            {
                await FollowAsync(layOver);
            }
            catch
            {
                await UndoAsync();
                throw;
            }
        }, CancellationToken.None);

    /// <summary>Takes in what was saved, in a machine that waits for it.</summary>
    /// <param name="descriptor">The file's number in the machine's process.</param>
    /// <exception cref="QmpException">It does not fit; the process has ended.</exception>
    public async Task LoadAsync(int descriptor, CancellationToken ct)
    {
        await SetCapabilitiesAsync(qmp, ("pause-before-switchover", false));
        await qmp.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"fd:{descriptor}" }, ct);
        for (var next = qmp.NextEvent; await qmp.QueryStatusAsync(ct) == "inmigrate"; next = qmp.NextEvent)
        {
            await qmp.AwaitAsync(next, Look, ct);
        }
    }

    /// <summary>Ends what an agent before this one had begun and not ended; the guest goes on.</summary>
    public async Task UndoAsync()
    {
        var began = time.GetTimestamp();
        for (var next = qmp.NextEvent; await IsUnderWayAsync(); next = qmp.NextEvent)
        {
            await qmp.ExecuteAsync("migrate_cancel", null, CancellationToken.None);
            Require(began, "The saving does not end.");
            await qmp.AwaitAsync(next, Look, CancellationToken.None);
        }

        if (await AwaitEndAsync() == "postmigrate")
        {
            await qmp.ContinueAsync(CancellationToken.None);
        }
    }

    private async Task<bool> IsUnderWayAsync() =>
        await ReadStatusAsync() is "setup" or "active" or "pre-switchover" or "device" or "cancelling";

    private async Task FollowAsync(Func<Task> layOver)
    {
        var began = time.GetTimestamp();
        var (stopped, continued) = (false, false);
        for (var next = qmp.NextEvent; await ReadStatusAsync() is var status && status != "completed"; next = qmp.NextEvent)
        {
            if (status == "pre-switchover" && !continued)
            {
                // Once: it is still so for a moment after it was told to go on.
                continued = true;
                await layOver();
                await qmp.ExecuteAsync("migrate-continue", new JsonObject { ["state"] = status }, CancellationToken.None);
            }
            else if (status is not ("setup" or "active" or "pre-switchover" or "device"))
            {
                throw new QmpException("GenericError", "Its memory could not be written to the host's disk.");
            }
            else if (!stopped && time.GetElapsedTime(began) > RunLimit)
            {
                await qmp.StopAsync(CancellationToken.None);
                stopped = true;
            }

            Require(began, "Its memory was not written in time.");
            await qmp.AwaitAsync(next, Look, CancellationToken.None);
        }

        await AwaitEndAsync();
    }

    /// <summary>The run state once QEMU is through: before, a guest is not let go on. No event tells of it.</summary>
    private async Task<string> AwaitEndAsync()
    {
        var began = time.GetTimestamp();
        while (true)
        {
            if (await qmp.QueryStatusAsync(CancellationToken.None) is var status and not "finish-migrate")
            {
                return status;
            }

            Require(began, "The saving does not end.");
            await Task.Delay(EndLook, time);
        }
    }

    private void Require(long began, string otherwise)
    {
        if (time.GetElapsedTime(began) > Limit)
        {
            throw new QmpException("GenericError", otherwise);
        }
    }

    public static Task<JsonElement> SetCapabilitiesAsync(QmpClient qmp, params IEnumerable<(string Name, bool State)> capabilities) =>
        qmp.ExecuteAsync(
            "migrate-set-capabilities",
            new JsonObject
            {
                ["capabilities"] = new JsonArray(capabilities.Select(
                    one => (JsonNode)new JsonObject { ["capability"] = one.Name, ["state"] = one.State }).ToArray()),
            },
            CancellationToken.None);

    private async Task<string> ReadStatusAsync()
    {
        var answer = await qmp.ExecuteAsync("query-migrate", null, CancellationToken.None);
        return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("status", out var status)
            && status.ValueKind == JsonValueKind.String ? status.GetString()! : "none";
    }
}
