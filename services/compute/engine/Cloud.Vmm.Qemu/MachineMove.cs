using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// One move of a machine's guest to where another awaits it, by QEMU's migration (docs/devel/migration.rst): the disks are mirrored,
/// memory is copied while the guest runs and again what it changed, its processors slowed down where that does not end; then it stands
/// still, the mirrors end, the rest and the devices follow, and it is handed over.
/// </summary>
internal sealed class MachineMove(QemuMachine machine, QmpClient qmp, string folder, int? uid, TimeProvider time)
{
    private const string OutgoingName = "outgoing";
    private const long BytesPerSecondMax = 1L << 40;

    /// <summary>An idle guest's rest is small after a round more; one that changes its memory is given more time after a few.</summary>
    private const int BriefStandstillMilliseconds = 5;

    private const int StandstillMilliseconds = 50;
    private const int BriefRounds = 4;

    /// <summary>The rest of memory and the devices, of a guest that stands still.</summary>
    private static readonly TimeSpan RestLimit = TimeSpan.FromMinutes(5);

    /// <summary>How often is looked how far it is, where no event tells of anything.</summary>
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly DiskMirrors _mirrors = new(qmp, time);
    private readonly long _began = time.GetTimestamp();
    private VmMoveProgress _last = new(VmMovePhase.Disks);
    private Func<VmMoveProgress, VmMoveProgress> _withDisks = progress => progress;
    private Task _sendingLast = Task.CompletedTask;

    public async Task<VmMoveResult> RunAsync(VmMove move, CancellationToken ct)
    {
        using var ways = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            await CopyDisksAsync(move, ways.Token, ct);
            await BeginMemoryAsync(move, ct);
            await FollowAsync(move, ct);
            await _sendingLast;
        }
        catch (Exception failed)
            when (failed is QmpException or VmException or IOException or SocketException or OperationCanceledException)
        {
            await _sendingLast.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await machine.StayAsync(CancellationToken.None);
            throw failed is VmException ? failed
                : failed is OperationCanceledException ? new VmException("It was called off.", failed)
                : new VmException($"It could not be moved: {failed.Message}", failed);
        }
        finally
        {
            await ways.CancelAsync();
        }

        return await HandOverAsync(move);
    }

    private async Task CopyDisksAsync(VmMove move, CancellationToken life, CancellationToken ct)
    {
        Tell(move, _last);
        var serials = (await qmp.QueryBlockStatsAsync(ct)).Keys.Select(DiskNodes.SerialOf).OfType<string>()
            .Where(serial => move.Disks?.Contains(serial) ?? true).ToList();
        using var handle = FolderSocket.Listen(folder, MachineFolder.Move);
        using var listener = new Socket(new SafeSocketHandle(handle.DangerousGetHandle(), ownsHandle: false));
        var door = Path.Combine(folder, MachineFolder.Move);
        if (uid is { } user && LibC.ChangeOwner(door, (uint)user, LibC.KeepOwner) != 0)
        {
            throw new IOException($"The owner of the move's socket cannot be changed: {Descriptor.LastError()}");
        }

        try
        {
            foreach (var serial in serials)
            {
                await BeginDiskAsync(move, serial, listener, life, ct);
            }
        }
        finally
        {
            File.Delete(door);
        }

        while (true)
        {
            var next = qmp.NextEvent;
            var (bytes, total, follow) = await _mirrors.ReadAsync(ct);
            _withDisks = progress => progress with { DiskBytes = bytes, DiskBytesTotal = total };
            Tell(move, _last);
            if (follow)
            {
                return;
            }

            await qmp.AwaitAsync(next, Look, ct);
        }
    }

    /// <exception cref="IOException">The way to there did not open.</exception>
    private async Task BeginDiskAsync(VmMove move, string serial, Socket listener, CancellationToken life, CancellationToken ct)
    {
        using var given = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var way = OpenWayAsync(move, serial, listener, life, given.Token);
        try
        {
            await _mirrors.BeginAsync(serial, MachineFolder.Move, ct);
        }
        catch (QmpException)
        {
            // Where the way did not open, that is why; where nobody has come to it, nobody will.
            await given.CancelAsync();
            await way.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            if (way is { IsFaulted: true, Exception.InnerException: { } cause } && cause is not SocketException)
            {
                ExceptionDispatchInfo.Throw(cause);
            }

            throw;
        }

        await way;
    }

    /// <summary>The process comes in by the door, and what it says goes on to where its disk is awaited.</summary>
    private static async Task OpenWayAsync(VmMove move, string serial, Socket listener, CancellationToken life, CancellationToken ct)
    {
        var inside = await listener.AcceptAsync(ct);
        try
        {
            var outside = await move.ConnectAsync(VmMove.Disk + serial, ct);
            _ = CarryAsync(inside, outside, life);
        }
        catch
        {
            inside.Dispose();
            throw;
        }
    }

    private static async Task CarryAsync(Socket inside, Socket outside, CancellationToken life)
    {
        using (inside)
        using (outside)
        {
            await SocketPump.RunAsync(inside, outside, life);
        }
    }

    private async Task BeginMemoryAsync(VmMove move, CancellationToken ct)
    {
        Tell(move, new VmMoveProgress(VmMovePhase.Memory));
        await MachineSaving.SetCapabilitiesAsync(
            qmp, ("pause-before-switchover", true), ("auto-converge", true),
            ("postcopy-ram", move.TakesMemoryLate && move.Policy == VmMovePolicy.PostCopy));
        await qmp.ExecuteAsync(
            "migrate-set-parameters",
            new JsonObject { ["max-bandwidth"] = BytesPerSecondMax, ["downtime-limit"] = BriefStandstillMilliseconds },
            ct);
        using var way = await move.ConnectAsync(VmMove.Memory, ct);
        using var file = new SafeFileHandle(way.Handle, ownsHandle: false);
        await qmp.ExecuteAsync("getfd", new JsonObject { ["fdname"] = OutgoingName }, file, ct);
        machine.MigrationStatus = null;
        await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = $"fd:{OutgoingName}" }, ct);
    }

    /// <summary>Until the guest may run over there.</summary>
    private async Task FollowAsync(VmMove move, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        var (isBrief, decided, switches) = (true, false, false);
        while (true)
        {
            var next = qmp.NextEvent;

            // While the guest stands still, what was told is not asked for.
            var (status, progress, error) = machine.MigrationStatus switch
            {
                "pre-switchover" when !switches => ("pre-switchover", _last, null),
                "completed" when switches => ("completed", _last, null),
                _ => await ReadAsync(ct),
            };
            switch (status)
            {
                case "completed" or "postcopy-active":
                    return;
                case "pre-switchover" when !switches:
                    switches = true;
                    Tell(move, progress with { Phase = VmMovePhase.Switchover });
                    var completing = _mirrors.CompleteAsync(ct);
                    _sendingLast = move.SendLastAsync();
                    await completing;
                    await qmp.ExecuteAsync("migrate-continue", new JsonObject { ["state"] = status }, ct);

                    // A moment early, as there is one: where it is not handed over after all, it is said to stay.
                    machine.SayPhase(MachinePhase.Leaving);
                    break;
                case "setup" or "active" or "pre-switchover" or "device":
                    Tell(move, progress);
                    break;
                default:
                    throw new QmpException("GenericError", error ?? "What awaited it over there is gone.");
            }

            var elapsed = time.GetElapsedTime(began);
            if (isBrief && status == "active" && progress.Rounds > BriefRounds)
            {
                isBrief = false;
                await qmp.ExecuteAsync(
                    "migrate-set-parameters", new JsonObject { ["downtime-limit"] = StandstillMilliseconds }, ct);
            }

            if (!decided && elapsed > move.RunLimit && status == "active")
            {
                decided = true;
                await DecideAsync(move, ct);
            }
            else if (elapsed > move.RunLimit + RestLimit)
            {
                throw new QmpException("GenericError", "It did not end.");
            }

            await qmp.AwaitAsync(next, Look, ct);
        }
    }

    private Task DecideAsync(VmMove move, CancellationToken ct) => move switch
    {
        { Policy: VmMovePolicy.GiveUp } => throw new VmException(
            $"Its guest changes memory faster than it is copied, after {move.RunLimit.TotalSeconds:0} s still."),
        { Policy: VmMovePolicy.PostCopy, TakesMemoryLate: true } => qmp.ExecuteAsync("migrate-start-postcopy", null, ct),
        _ => qmp.StopAsync(ct),
    };

    private async Task<VmMoveResult> HandOverAsync(VmMove move)
    {
        if (!machine.IsLeaving)
        {
            machine.SayPhase(MachinePhase.Leaving);
        }

        TimeSpan hasRun;
        try
        {
            hasRun = await move.HandOverAsync();
        }
        catch (VmException refused)
        {
            await machine.StayAsync(CancellationToken.None);
            throw new VmException($"It could not run over there: {refused.Message}", refused);
        }
        catch (Exception unknown)
        {
            throw new VmUnsettledException($"It was handed over, and nobody said what became of it: {unknown.Message}", unknown);
        }

        var downtime = time.GetElapsedTime(machine.StoppedAt) - hasRun;
        while (true)
        {
            var next = qmp.NextEvent;
            var (status, progress, error) = await ReadAsync(CancellationToken.None);
            if (status is not ("completed" or "postcopy-active"))
            {
                throw new VmUnsettledException(
                    "The guest runs over there and lacks memory that is here.", new QmpException("GenericError", error ?? status));
            }

            Tell(move, progress with { Phase = status == "completed" ? VmMovePhase.Done : VmMovePhase.PostCopy });
            if (status == "completed")
            {
                return new VmMoveResult(time.GetElapsedTime(_began), downtime, _last);
            }

            await qmp.AwaitAsync(next, Look, CancellationToken.None);
        }
    }

    private void Tell(VmMove move, VmMoveProgress progress)
    {
        _last = _withDisks(progress);
        move.Progress(_last);
    }

    private async Task<(string Status, VmMoveProgress Progress, string? Error)> ReadAsync(CancellationToken ct)
    {
        var answer = await qmp.ExecuteAsync("query-migrate", null, ct);
        if (answer.ValueKind != JsonValueKind.Object)
        {
            return ("none", _last, null);
        }

        var ram = answer.TryGetProperty("ram", out var told) && told.ValueKind == JsonValueKind.Object ? told : default;
        return (
            Text(answer, "status") ?? "none",
            new VmMoveProgress(VmMovePhase.Memory)
            {
                MemoryBytes = Number(ram, "transferred"),
                RemainingBytes = Number(ram, "remaining"),
                Rounds = (int)Number(ram, "dirty-sync-count"),
                DirtyBytesPerSecond = Number(ram, "dirty-pages-rate") * Number(ram, "page-size"),
                ExpectedDowntime = TimeSpan.FromMilliseconds(Number(answer, "expected-downtime")),
                SlowedPercent = (int)Number(answer, "cpu-throttle-percentage"),
            },
            Text(answer, "error-desc"));
    }

    private static string? Text(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long Number(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out var number) ? Math.Clamp(number, 0, int.MaxValue * 1024L) : 0;
}
