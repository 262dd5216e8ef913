using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// The device file of hardware virtualization. QEMU opens it by its name, so a machine's own user needs its group, which on most systems is
/// <c>kvm</c>.
/// </summary>
internal static class KvmDevice
{
    public const string Path = "/dev/kvm";

    /// <summary>The groups that a machine's process needs beside its own.</summary>
    public static IReadOnlyList<uint> GroupsFor(VmEngine engine) =>
        engine == VmEngine.Hardware && FileOwner.Read(Path) is { } owner && (owner.Mode & UnixFileMode.GroupWrite) != 0
            ? [owner.Group]
            : [];

    /// <summary>Why a process of a user that is not root cannot open it; null where it can.</summary>
    public static string? WhyClosed() => FileOwner.Read(Path) switch
    {
        null => $"This host has no {Path}.",
        { Mode: var mode } when (mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == 0 =>
            $"{Path} is open to root alone, and guests do not run as root. "
            + $"Give it a group that may read and write: chgrp kvm {Path}; chmod 660 {Path}.",
        _ => null,
    };
}
