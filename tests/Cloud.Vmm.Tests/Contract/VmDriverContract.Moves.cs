using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Cloud.Vmm.Tests.Contract;

/// <summary>A machine's guest goes on in another machine, as it would on another host. The small guest counts in its memory.</summary>
public abstract partial class VmDriverContract
{
    /// <summary>Whether the engine moves guests that run.</summary>
    protected virtual bool Moves => true;

    [Fact]
    public async Task Move_OfARunningGuest_GoesOnOverThere_AndBack_DisksIncluded()
    {
        var here = Spec();
        var (written, below) = (await MakeDiskAsync(here, "one"), await MakeDiskAsync(here, "below"));
        await FillAsync(written.Path);
        here = here with { Disks = [written with { Backing = [new VmDiskLayer(below.Path, VmDiskFormat.Qcow2)] }] };
        if (!Moves)
        {
            await AssertMovesAreRefusedAsync();
            return;
        }

        var machine = await StartAsync(here);
        var specs = new List<VmSpec> { here };
        for (var count = 1; count <= 3; count++)
        {
            await using (var console = await TestTerminal.OpenAsync(machine))
            {
                await console.CountsToAsync(count);
            }

            var there = await LikeAsync(here);
            var told = new List<VmMoveProgress>();
            var (arrived, result) = await MoveAsync(machine, there, progress: told.Add);
            machine.State.ShouldBe(VmState.Stopped);
            await machine.DisposeAsync();
            result.Downtime.ShouldBeLessThan(result.Total);
            result.Last.DiskBytes.ShouldBe(result.Last.DiskBytesTotal);
            told.Select(one => one.Phase).Distinct().ShouldBe(
                [VmMovePhase.Disks, VmMovePhase.Memory, VmMovePhase.Switchover, VmMovePhase.Done]);
            (machine, here) = (arrived, there);
            specs.Add(there);
        }

        machine.State.ShouldBe(VmState.Running);
        await machine.KillAsync(CancellationToken.None);
        await machine.DisposeAsync();
        _folder.Processes().ShouldBeEmpty();
        foreach (var spec in specs.Skip(1))
        {
            await QemuImgAsync("compare", "-U", "-f", "qcow2", "-F", "qcow2", written.Path, spec.Disks[0].Path);
        }
    }

    [Fact]
    public async Task Move_ThatIsCalledOff_OrRefusedOverThere_LeavesTheGuestWhereItIs_AndCanBeMadeAgain()
    {
        if (!Moves)
        {
            return;
        }

        var here = Spec();
        here = here with { Disks = [await MakeDiskAsync(here, "one")] };
        await using var machine = await StartAsync(here);
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.CountsToAsync(1);

        using var called = new CancellationTokenSource();
        (await Should.ThrowAsync<VmException>(async () => await MoveAsync(
            machine, await LikeAsync(here), way => way == VmMove.Memory ? called.CancelAsync() : Task.CompletedTask, ct: called.Token)))
            .Message.ShouldContain("called off");
        await console.CountsToAsync(2);

        (await Should.ThrowAsync<VmException>(async () => await MoveAsync(
            machine, await LikeAsync(here), way => throw new IOException("Nobody is there.")))).Message.ShouldContain("Nobody is there");
        await console.CountsToAsync(3);

        (await Should.ThrowAsync<VmException>(async () => await MoveAsync(
            machine, await LikeAsync(here), handOver: () => throw new VmException("No.")))).Message.ShouldContain("No.");
        machine.State.ShouldBe(VmState.Running);
        machine.IsLeaving.ShouldBeFalse();
        await console.CountsToAsync(4);

        (await Should.ThrowAsync<VmException>(async () => await MoveAsync(
            machine, await LikeAsync(here), sendLast: async () =>
            {
                machine.State.ShouldBe(VmState.Paused);
                await Task.Yield();
                throw new VmException("Its last is lost.");
            },
            handOver: () => throw new InvalidOperationException("It was handed over without its last."))))
            .Message.ShouldContain("lost");
        machine.State.ShouldBe(VmState.Running);
        machine.IsLeaving.ShouldBeFalse();
        await console.CountsToAsync(5);

        var (arrived, _) = await MoveAsync(machine, await LikeAsync(here));
        await using (arrived)
        {
            await using var there = await TestTerminal.OpenAsync(arrived);
            await there.CountsToAsync(6);
            await arrived.KillAsync(CancellationToken.None);
        }
    }

    [Fact]
    public async Task Move_WhoseOtherSideDies_LeavesTheGuestWhereItIs()
    {
        if (!Moves)
        {
            return;
        }

        var here = Spec();
        here = here with { Disks = [await MakeDiskAsync(here, "one")] };
        await using var machine = await StartAsync(here);
        await using var console = await TestTerminal.OpenAsync(machine);
        for (var count = 1; count <= 2; count++)
        {
            await console.CountsToAsync(count);
            var killAt = count == 1 ? VmMovePhase.Memory : VmMovePhase.Switchover;
            var there = await LikeAsync(here);
            await Should.ThrowAsync<VmException>(() => MoveAsync(machine, there, progress: progress =>
            {
                if (progress.Phase == killAt)
                {
                    KillIn(there.Folder);
                }
            }));
        }

        machine.State.ShouldBe(VmState.Running);
        await console.CountsToAsync(3);
    }

    [Fact]
    public async Task Move_OfWhichNobodyKnowsTheEnd_HoldsTheGuest_AlsoForAnAgentThatComesLater_UntilItIsToStay()
    {
        if (!Moves)
        {
            return;
        }

        var here = Spec();
        here = here with { Disks = [await MakeDiskAsync(here, "one")] };
        await using (var machine = await StartAsync(here))
        {
            await using var console = await TestTerminal.OpenAsync(machine);
            await console.CountsToAsync(1);
            await Should.ThrowAsync<VmUnsettledException>(async () => await MoveAsync(
                machine, await LikeAsync(here), handOver: () => throw new IOException("The line is dead.")));
            machine.State.ShouldBe(VmState.Paused);
            machine.IsLeaving.ShouldBeTrue();
        }

        await using var adopted = await AdoptAsync(here);
        adopted.State.ShouldBe(VmState.Paused);
        adopted.IsLeaving.ShouldBeTrue();
        await adopted.StayAsync(CancellationToken.None);
        adopted.IsLeaving.ShouldBeFalse();
        await using var again = await TestTerminal.OpenAsync(adopted);
        await again.CountsToAsync(2);
    }

    [Fact]
    public async Task Move_ThatItsAgentDidNotEnd_LetsTheGuestGoOn_AndEndsWhatAwaitedIt()
    {
        if (!Moves)
        {
            return;
        }

        var here = Spec();
        here = here with { Disks = [await MakeDiskAsync(here, "one")] };
        var there = await LikeAsync(here);
        await using (var machine = await StartAsync(here))
        {
            await using var console = await TestTerminal.OpenAsync(machine);
            await console.CountsToAsync(1);
            var stuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _ = MoveAsync(machine, there, async way =>
            {
                if (way == VmMove.Memory)
                {
                    stuck.SetResult();
                    await Task.Delay(Timeout.Infinite);
                }
            });
            await stuck.Task.WaitAsync(Limit);
        }

        await using var adopted = await AdoptAsync(here);
        adopted.State.ShouldBe(VmState.Running);
        await using var again = await TestTerminal.OpenAsync(adopted);
        await again.CountsToAsync(2);
        (await Driver.AdoptAsync(there.Folder, CancellationToken.None)).ShouldBeNull();
        _folder.Processes().ShouldHaveSingleItem().ShouldBe(adopted.ProcessId);
        var (arrived, _) = await MoveAsync(adopted, await LikeAsync(here));
        await arrived.DisposeAsync();
    }

    private async Task<(IVirtualMachine Machine, VmMoveResult Result)> MoveAsync(
        IVirtualMachine machine, VmSpec there, Func<string, Task>? onConnect = null, Action<VmMoveProgress>? progress = null,
        Func<Task>? sendLast = null, Func<Task<TimeSpan>>? handOver = null, CancellationToken ct = default)
    {
        await using var arrival = await Driver.AwaitAsync(
            there, await machine.ReadSlotsAsync(CancellationToken.None), CancellationToken.None);
        IVirtualMachine? arrived = null;
        var result = await machine.MoveAsync(
            new VmMove
            {
                Policy = VmMovePolicy.Stop,
                RunLimit = TimeSpan.FromSeconds(10),
                TakesMemoryLate = arrival.TakesMemoryLate,
                Progress = progress ?? (_ => { }),
                ConnectAsync = async (way, limit) =>
                {
                    if (onConnect is not null)
                    {
                        await onConnect(way);
                    }

                    var (near, far) = await ConnectedAsync(limit);
                    _ = arrival.AcceptAsync(way, far, CancellationToken.None);
                    return near;
                },
                SendLastAsync = sendLast ?? (() => Task.CompletedTask),
                HandOverAsync = handOver ?? (async () =>
                {
                    await arrival.ReadyAsync(CancellationToken.None);
                    arrived = await arrival.RunAsync(CancellationToken.None);
                    return TimeSpan.Zero;
                }),
            },
            ct);
        return (arrived!, result);
    }

    /// <summary>A machine as on another host: a folder of its own, empty disks over the same layers.</summary>
    private async Task<VmSpec> LikeAsync(VmSpec spec)
    {
        var there = Spec() with { Id = spec.Id, Uuid = spec.Uuid };
        var disks = new List<VmDisk>();
        foreach (var disk in spec.Disks)
        {
            disks.Add(disk with { Path = (await MakeDiskAsync(there, disk.Serial)).Path });
        }

        return there with { Disks = disks };
    }

    private async Task AssertMovesAreRefusedAsync()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        machine.Moves.ShouldBeFalse();
        await Should.ThrowAsync<VmException>(() => Driver.AwaitAsync(
            Spec(), new Dictionary<string, string>(), CancellationToken.None));
        machine.State.ShouldBe(VmState.Running);
        _folder.Processes().Count.ShouldBe(1);
    }

    private static async Task FillAsync(string disk)
    {
        using var tool = Process.Start(new ProcessStartInfo("qemu-io", ["-f", "qcow2", "-c", "write -q -P 0x5a 1M 3M", disk]))!;
        await tool.WaitForExitAsync();
        tool.ExitCode.ShouldBe(0);
    }

    private static async Task<(Socket Near, Socket Far)> ConnectedAsync(CancellationToken ct)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await near.ConnectAsync(listener.LocalEndPoint!, ct);
        return (near, await listener.AcceptAsync(ct));
    }

    private void KillIn(string folder)
    {
        foreach (var id in _folder.Processes())
        {
            if (new FileInfo($"/proc/{id}/cwd").LinkTarget == folder)
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
            }
        }
    }
}
