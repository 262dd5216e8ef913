namespace Cloud.Compute.Contracts;

/// <summary>A program that is run in a running container, beside its own.</summary>
/// <param name="Command">The program and its arguments; no shell reads them.</param>
/// <param name="User">Whom it runs as; null for the container's own user.</param>
public sealed record ContainerCommand(IReadOnlyList<string> Command, ContainerUser? User = null);

/// <summary>A user of a container, by the container's own numbers.</summary>
public sealed record ContainerUser(uint UserId, uint GroupId);

/// <summary>How a command ended.</summary>
/// <param name="ExitCode">128 and the signal's number where a signal ended it.</param>
/// <param name="ErrorTail">The last of what it said on its standard error, at most 8 KiB.</param>
public sealed record ContainerCommandEnd(int ExitCode, string ErrorTail);
