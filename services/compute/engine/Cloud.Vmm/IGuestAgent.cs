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

    /// <summary>
    /// Runs a command in the guest whose input and output are streams of any length, held back by the slower side. Cancelled, or where a
    /// stream fails, the command is killed.
    /// </summary>
    /// <param name="command">The command.</param>
    /// <param name="input">What it reads; null for nothing.</param>
    /// <param name="output">Reads what it writes, while it does; what is left over is dropped. Null drops all.</param>
    /// <param name="ct">Kills it.</param>
    /// <exception cref="VmException">The engine has no such commands, or this one cannot be started.</exception>
    Task<GuestCommandEnd> RunAsync(
        GuestCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct) =>
        throw new VmException("Only a container runs commands with streams.");
}

/// <summary>What a command in a guest answered; output past 16 MiB a stream is cut by the agent.</summary>
public sealed record GuestExecResult(int ExitCode, byte[] StandardOutput, byte[] StandardError);

/// <summary>A command to run in a guest, with no shell.</summary>
/// <param name="Command">The program and its arguments.</param>
/// <param name="User">Whom it runs as, by the guest's own numbers; null for the guest's own choice.</param>
public sealed record GuestCommand(IReadOnlyList<string> Command, GuestUser? User = null);

/// <summary>A user of a guest, by the guest's own numbers.</summary>
public sealed record GuestUser(uint UserId, uint GroupId);

/// <summary>How a command with streams ended.</summary>
/// <param name="ErrorTail">The last of what it said on its standard error.</param>
public sealed record GuestCommandEnd(int ExitCode, string ErrorTail);
