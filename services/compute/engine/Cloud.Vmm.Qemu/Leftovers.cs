using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu;

/// <summary>Ends what an agent that died left half-started, or that answers nobody, and cleans the folder.</summary>
internal static class Leftovers
{
    public static async Task EndAsync(string folder, MachineState? state, QemuParts parts, CancellationToken ct)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        var lockPath = Path.Combine(folder, MachineFolder.Lock);
        if (state is not null && state.IsAlive())
        {
            await EndAsync(state.ProcessId, parts, ct);
        }

        // A process that was started and not yet written down holds the lock all the same.
        FileLock? free;
        while ((free = FileLock.TryTake(lockPath)) is null)
        {
            foreach (var id in LockHolders.Find(lockPath))
            {
                await EndAsync(id, parts, ct);
            }
        }

        using (free)
        {
            parts.Clean(folder, state);
        }
    }

    private static async Task EndAsync(int processId, QemuParts parts, CancellationToken ct)
    {
        if (ProcessHandle.TryOpen(processId) is not { } process)
        {
            return;
        }

        var exit = parts.Exits.WaitAsync(process);
        try
        {
            process.Signal(LibC.SignalKill);
            await exit.WaitAsync(ct);
        }
        finally
        {
            parts.Exits.Release(process);
        }
    }
}
