using System.Net.Sockets;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu;

/// <summary>A machine that was started to take over another's guest. Until that runs, whoever finds the process ends it.</summary>
internal sealed class MachineArrival(
    QemuMachine machine, MachineState state, VmSpec spec, bool takesMemoryLate) : IVmArrival
{
    private bool _runs;

    public bool TakesMemoryLate => takesMemoryLate;

    public long RunsSince => machine.RunsSince;

    public async Task AcceptAsync(string way, Socket socket, CancellationToken ct)
    {
        using (socket)
        {
            if (way == VmMove.Memory)
            {
                await machine.TakeInAsync(socket, ct);
                return;
            }

            // Which of them is said over it: the exports have the names of their disks.
            await using var disk = await FolderSocket.ConnectAsync(spec.Folder, MachineFolder.Move, ct);
            await SocketPump.RunAsync(socket, disk.Socket, ct);
        }
    }

    public Task ReadyAsync(CancellationToken ct) => machine.ArriveAsync(ct);

    public async Task<IVirtualMachine> RunAsync(CancellationToken ct)
    {
        await machine.ContinueAsync(ct);
        machine.SayPhase(MachinePhase.Running);
        _runs = true;
        return machine;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_runs && state.IsAlive())
        {
            await machine.KillAsync(CancellationToken.None);
        }

        if (!_runs)
        {
            await machine.DisposeAsync();
        }
    }
}
