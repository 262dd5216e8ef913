using System.Text;

namespace Cloud.Vmm.Oci;

/// <summary>What an agent in the guest does for a machine, the runtime does for a container: nothing of ours runs in it.</summary>
internal sealed class ContainerAgent(ContainerMachine machine, OciParts parts) : IGuestAgent
{
    /// <summary>The runtime's own, where the command was not started.</summary>
    private const int NotStarted = 255;

    public Task<bool> PingAsync(TimeSpan timeout, CancellationToken ct) => Task.FromResult(machine.State == VmState.Running);

    /// <summary>Nothing in a container holds its writes back.</summary>
    public Task<bool> FreezeAsync(CancellationToken ct) => Task.FromResult(false);

    public Task ThawAsync(CancellationToken ct) => Task.CompletedTask;

    /// <summary>A container's clock is its host's.</summary>
    public Task<bool> SetTimeAsync(DateTimeOffset now, TimeSpan timeout, CancellationToken ct) => Task.FromResult(false);

    public async Task<GuestExecResult> ExecAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        if (machine.State != VmState.Running)
        {
            throw new VmException(machine.State == VmState.Paused ? "The container is paused." : "The machine has ended.");
        }

        var result = await parts.Runtime.ExecAsync(machine.Folder, machine.Id, machine.ProcessId, command, ct);
        return result.ExitCode == NotStarted && RuntimeLog.LastError(Encoding.UTF8.GetString(result.StandardError)) is { } refused
            ? throw new VmException(refused)
            : result;
    }
}
