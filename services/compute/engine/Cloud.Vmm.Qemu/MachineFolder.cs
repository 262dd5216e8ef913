namespace Cloud.Vmm.Qemu;

/// <summary>The names of the files in a machine's folder that are the driver's own; <see cref="VmFolder"/> has those for others.</summary>
internal static class MachineFolder
{
    public const string State = "machine.json";

    /// <summary>Locked by the machine's process for as long as it lives.</summary>
    public const string Lock = "machine.lock";

    public const string Qmp = "qmp.sock";

    public const string Console = "console.sock";

    public const string Agent = "agent.sock";

    /// <summary>Where a machine's process reaches the disks that await its own, and another's reaches those of one that awaits.</summary>
    public const string Move = "move.sock";

    /// <summary>Takes away what a machine that has ended leaves. Logs and the report stay.</summary>
    public static void Clean(string folder)
    {
        foreach (var name in (ReadOnlySpan<string>)[Qmp, Console, Agent, Move, State, State + ".new"])
        {
            File.Delete(Path.Combine(folder, name));
        }
    }
}
