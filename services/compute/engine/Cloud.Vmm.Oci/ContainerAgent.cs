using System.Text;

namespace Cloud.Vmm.Oci;

/// <summary>What an agent in the guest does for a machine, the runtime does for a container: nothing of ours runs in it.</summary>
internal sealed class ContainerAgent(ContainerMachine machine, ContainerVolumes volumes, OciParts parts) : IGuestAgent
{
    /// <summary>The runtime's own, where the command was not started.</summary>
    private const int NotStarted = 255;

    public Task<bool> PingAsync(TimeSpan timeout, CancellationToken ct) => Task.FromResult(machine.State == VmState.Running);

    /// <summary>Of its volumes: what lies above an image's layers is no disk.</summary>
    public Task<bool> FreezeAsync(CancellationToken ct) => volumes.FreezeAsync(ct);

    public Task ThawAsync(CancellationToken ct) => volumes.ThawAsync(ct);

    /// <summary>A container's clock is its host's.</summary>
    public Task<bool> SetTimeAsync(DateTimeOffset now, TimeSpan timeout, CancellationToken ct) => Task.FromResult(false);

    public async Task<GuestExecResult> ExecAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        RequireRunning();
        var result = await parts.Runtime.ExecAsync(machine.Folder, machine.Id, machine.ProcessId, command, ct);
        ThrowIfNotStarted(result.ExitCode, Encoding.UTF8.GetString(result.StandardError));
        return result;
    }

    public async Task<GuestCommandEnd> RunAsync(
        GuestCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        RequireRunning();
        if (command.Command.Count == 0 || command.Command.Any(word => word.Contains('\0', StringComparison.Ordinal)))
        {
            throw new VmException("A command is a program and its arguments, with no NUL.");
        }

        var end = await parts.Runtime.RunAsync(machine.Folder, machine.Id, machine.ProcessId, command, input, output, ct);
        ThrowIfNotStarted(end.ExitCode, end.ErrorTail);
        return end;
    }

    private void RequireRunning()
    {
        if (machine.State != VmState.Running)
        {
            throw new VmException(machine.State == VmState.Paused ? "The container is paused." : "The machine has ended.");
        }
    }

    private static void ThrowIfNotStarted(int exitCode, string error)
    {
        if (exitCode == NotStarted && RuntimeLog.LastError(error) is { } refused)
        {
            throw new VmException(refused);
        }
    }
}
