using System.Net.Sockets;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>To another host, and from one.</summary>
internal sealed partial class QemuMachine
{
    /// <summary>Why no simulated machine goes.</summary>
    public const string StaysWhileItRuns =
        "A simulated machine does not go to another host while it runs: its disks are not copied under it.";

    private const string Export = "e-";
    private const string IncomingName = "incoming";
    private const string ListenerName = "move";

    /// <summary>No event tells that what came so far suffices, where the rest of memory follows.</summary>
    private static readonly TimeSpan ArrivalLook = TimeSpan.FromMilliseconds(2);

    public bool Moves => _state.Engine != VmEngine.Simulation;

    public bool IsLeaving => _state.Phase == MachinePhase.Leaving && State != VmState.Stopped;

    public Task<IReadOnlyDictionary<string, string>> ReadSlotsAsync(CancellationToken ct) =>
        CallAsync(qmp => MachineSlots.ReadAsync(qmp, ct));

    public async Task<VmMoveResult> MoveAsync(VmMove move, CancellationToken ct)
    {
        if (!Moves)
        {
            throw new VmException(StaysWhileItRuns);
        }

        if (_observed != VmState.Running || IsLeaving)
        {
            throw new VmException("The machine does not run.");
        }

        var result = await CallAsync(qmp => _disks.HoldAsync(
            () => new MachineMove(this, qmp, _folder, _state.Uid, _parts.Time).RunAsync(move, ct), ct));
        await KillAsync(CancellationToken.None);
        return result;
    }

    public Task StayAsync(CancellationToken ct) => CallAsync(async qmp =>
    {
        await UndoSavingAsync();
        await qmp.ContinueAsync(ct);
        SayPhase(MachinePhase.Running);
    });

    public void SayPhase(MachinePhase phase)
    {
        var state = _state with { Phase = phase };
        state.Write(_folder);
        _state = state;
    }

    /// <summary>Lets another machine write to this one's disks, which await what they are to hold.</summary>
    public Task ExportDisksAsync(IReadOnlyList<VmDisk> disks, CancellationToken ct) => CallAsync(async qmp =>
    {
        using (var listener = FolderSocket.Listen(_folder, MachineFolder.Move))
        {
            await qmp.ExecuteAsync("getfd", new JsonObject { ["fdname"] = ListenerName }, listener, ct);
        }

        await qmp.ExecuteAsync(
            "nbd-server-start",
            new JsonObject
            {
                ["addr"] = new JsonObject { ["type"] = "fd", ["data"] = new JsonObject { ["str"] = ListenerName } },
            },
            ct);
        foreach (var disk in disks.Where(disk => !disk.ReadOnly))
        {
            await qmp.ExecuteAsync(
                "block-export-add",
                new JsonObject
                {
                    ["type"] = "nbd",
                    ["id"] = Export + disk.Serial,
                    ["name"] = disk.Serial,
                    ["node-name"] = DiskNodes.LayerOf(disk.Serial, disk.Path),
                    ["writable"] = true,
                },
                ct);
        }
    });

    /// <summary>Whether it may run before it has all memory: that takes userfaultfd(2), which not every host lets everybody use.</summary>
    public async Task<bool> TakesMemoryLateAsync(CancellationToken ct)
    {
        try
        {
            await MachineSaving.SetCapabilitiesAsync(_qmp!, ("postcopy-ram", true));
            return true;
        }
        catch (QmpException refused) when (refused.ErrorClass != QmpException.Lost)
        {
            return false;
        }
    }

    /// <summary>Gives it the connection that memory and devices come by.</summary>
    public Task TakeInAsync(Socket socket, CancellationToken ct) => CallAsync(async qmp =>
    {
        using var file = new SafeFileHandle(socket.Handle, ownsHandle: false);
        await qmp.ExecuteAsync("getfd", new JsonObject { ["fdname"] = IncomingName }, file, ct);
        await qmp.ExecuteAsync("migrate-incoming", new JsonObject { ["uri"] = $"fd:{IncomingName}" }, ct);
    });

    /// <summary>Ends when what came suffices for the guest to run; from then on nobody else writes to its disks.</summary>
    public Task ArriveAsync(CancellationToken ct) => CallAsync(async qmp =>
    {
        for (var next = qmp.NextEvent; await qmp.QueryStatusAsync(ct) == "inmigrate"; next = qmp.NextEvent)
        {
            await qmp.AwaitAsync(next, ArrivalLook, ct);
        }

        await qmp.ExecuteAsync("nbd-server-stop", null, ct);
    });

    /// <summary>Has its steps told as events. The simulator always does; in the middle of one QEMU refuses, and is looked at.</summary>
    private async Task HearOfMigrationsAsync(QmpClient qmp)
    {
        try
        {
            if (_state.Engine != VmEngine.Simulation)
            {
                await MachineSaving.SetCapabilitiesAsync(qmp, ("events", true));
            }
        }
        catch (QmpException underWay) when (underWay.ErrorClass != QmpException.Lost)
        {
            // It was told of before, or whoever follows it looks now and then.
        }
    }
}
