namespace Cloud.Vmm;

/// <summary>The agent inside the guest, by QEMU's guest agent protocol (qga/qapi-schema.json).</summary>
public interface IGuestAgent
{
    /// <summary>Whether the agent answers within the time given.</summary>
    Task<bool> PingAsync(TimeSpan timeout, CancellationToken ct);

    /// <summary>Has the guest write everything to its disks and hold further writes; false where it cannot or does not answer.</summary>
    Task<bool> FreezeAsync(CancellationToken ct);

    /// <summary>Lets writes go on after a freeze.</summary>
    Task ThawAsync(CancellationToken ct);

    /// <summary>Sets the guest's clock; false where it cannot or does not answer in time.</summary>
    Task<bool> SetTimeAsync(DateTimeOffset now, TimeSpan timeout, CancellationToken ct);

    /// <summary>Runs a command in the guest, with no shell, and waits for its end.</summary>
    /// <exception cref="VmException">The agent does not answer, or the command cannot be started.</exception>
    Task<GuestExecResult> ExecAsync(IReadOnlyList<string> command, CancellationToken ct);
}

/// <summary>What a command in a guest answered; output past 16 MiB a stream is cut by the agent.</summary>
public sealed record GuestExecResult(int ExitCode, byte[] StandardOutput, byte[] StandardError);
