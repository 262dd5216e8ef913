using Cloud.Vmm.Qemu;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The files in a container's folder that are the driver's own, beside those that every machine has.
/// <code>
/// config.json    the bundle that the runtime makes the container of
/// uids           the first of its user ids on the host: what it wrote is theirs, so they are its own for its life
/// upper, work    what it has written, over its image's layers
/// etc            hosts, resolv.conf and hostname, as it sees them
/// runc           the runtime's state
/// exit           how it ended, written by the shim
/// container.pid  its first process
/// shim.sock      where the shim is asked (shim/commands.c)
/// storage.sock   where the storage daemon that has its volumes' files open is asked, by QMP
/// </code>
/// </summary>
internal static class ContainerFolder
{
    public const string Bundle = "config.json";

    public const string Uids = "uids";

    public const string Etc = "etc";

    public const string RuntimeState = "runc";

    public const string Exit = "exit";

    /// <summary>The number of its first process, as the runtime wrote it.</summary>
    public const string ProcessId = "container.pid";

    public const string Commands = "shim.sock";

    public const string Storage = "storage.sock";

    /// <summary>Where the shim shows the container its parts, in its own mount namespace.</summary>
    public const string Place = "/mnt";

    /// <summary>Takes away what a container that has ended leaves; what it has written stays.</summary>
    public static void Clean(string folder)
    {
        MachineFolder.Clean(folder);
        foreach (var name in (ReadOnlySpan<string>)[Exit, Commands, Storage])
        {
            File.Delete(Path.Combine(folder, name));
        }
    }
}
