using System.Text.Json;
using System.Text.Json.Serialization;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// What a new agent needs to know of a machine, in its folder as <c>machine.json</c>. It is there from the process's start to its end;
/// the folder's <c>machine.lock</c> is held by the process itself.
/// </summary>
internal sealed record MachineState
{
    public required string Id { get; init; }

    public required MachinePhase Phase { get; init; }

    /// <summary>The host's boot that the process is of.</summary>
    public required string HostBoot { get; init; }

    public required int ProcessId { get; init; }

    /// <summary>
    /// When the process was started, in ticks since the host's boot, so that another of the same number is not taken for it.
    /// </summary>
    public required long StartTicks { get; init; }

    public required VmArchitecture Architecture { get; init; }

    public VmEngine Engine { get; init; } = VmEngine.Emulation;

    /// <summary>The process's own user id; null where it runs as the agent's user.</summary>
    public int? Uid { get; init; }

    /// <summary>Where in the process's log this run's lines begin.</summary>
    public long ProcessLogOffset { get; init; }

    /// <summary>The folders of its cgroups.</summary>
    public IReadOnlyList<string> Cgroups { get; init; } = [];

    /// <summary>A container's volumes, in their order.</summary>
    public IReadOnlyList<MachineVolume> Volumes { get; init; } = [];

    /// <summary>Whether the process that it names lives.</summary>
    public bool IsAlive() => HostBoot == Linux.HostBoot.Id
        && ProcessStat.Read(ProcessId) is { State: not 'Z' } stat && stat.StartTicks == StartTicks;

    /// <summary>Null where there is none, or a torn one.</summary>
    public static MachineState? Read(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(
                File.ReadAllBytes(Path.Combine(folder, MachineFolder.State)), MachineStateJson.Default.MachineState);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Whole or not at all. Not synced: after a power loss no process of it is left.</summary>
    public void Write(string folder)
    {
        var path = Path.Combine(folder, MachineFolder.State);
        var beside = path + ".new";
        using (var file = new FileStream(beside, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            JsonSerializer.Serialize(file, this, MachineStateJson.Default.MachineState);
        }

        File.Move(beside, path, overwrite: true);
    }
}

/// <summary>A volume of a running container.</summary>
/// <param name="File">The raw file that is mounted as it is; null for one that the storage daemon has open.</param>
internal sealed record MachineVolume(string Serial, bool ReadOnly, string? File);

internal enum MachinePhase
{
    /// <summary>The process was started; its guest has not run yet. Whoever finds this ends it.</summary>
    Starting = 1,

    /// <summary>The guest runs, or is paused.</summary>
    Running = 2,

    /// <summary>The guest stands still and was handed over to another host; what became of that is for others to know.</summary>
    Leaving = 3,
}

[JsonSerializable(typeof(MachineState))]
internal sealed partial class MachineStateJson : JsonSerializerContext;
