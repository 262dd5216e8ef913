namespace Cloud.Vmm;

/// <summary>
/// One way to run virtual machines. A driver holds nothing that a restart of its process would lose: a machine's folder
/// is the truth, and <see cref="AdoptAsync"/> finds what runs.
/// </summary>
public interface IVmDriver
{
    /// <summary>What this driver can run on this host, found by running it, not by looking at a device file.</summary>
    Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct);

    /// <summary>
    /// What there is to know of this driver's engines on this host beyond that; takes seconds the first time. Nothing, unless a driver says
    /// more.
    /// </summary>
    Task<IReadOnlyList<EngineExamination>> ExamineAsync(CancellationToken ct) => Task.FromResult<IReadOnlyList<EngineExamination>>([]);

    /// <summary>
    /// Starts a machine in a process and session of its own. When the task ends the machine runs, or nothing of it is left but its folder.
    /// </summary>
    /// <exception cref="VmException">The spec cannot be run here, or the machine's process refused to start; the message says
    /// why.</exception>
    Task<IVirtualMachine> StartAsync(VmSpec spec, CancellationToken ct);

    /// <summary>Starts a machine that awaits the guest of another like it, whose disks hold what lies below their own files.</summary>
    /// <param name="spec">As <see cref="StartAsync"/> takes it; its disks' own files are empty.</param>
    /// <param name="slots">Where the other's devices sit on their bus.</param>
    /// <param name="ct">Ends it; nothing is left then.</param>
    /// <exception cref="VmException">The engine moves no machines, or the process refused to start.</exception>
    Task<IVmArrival> AwaitAsync(VmSpec spec, IReadOnlyDictionary<string, string> slots, CancellationToken ct);

    /// <summary>Lays a saved state out, so that any number of machines can start from it and share what they do not write to.</summary>
    /// <param name="spec">As <see cref="StartAsync"/> takes it, with <see cref="VmSpec.From"/>; nothing is started.</param>
    /// <param name="ct">Ends it; nothing is left then.</param>
    /// <exception cref="VmException">The engine keeps no states, or this one does not fit the spec.</exception>
    Task<VmTemplate> MakeTemplateAsync(VmSpec spec, CancellationToken ct);

    /// <summary>
    /// Takes over the machine whose folder this is, whoever started it; null when none runs there. One that was being saved goes on.
    /// </summary>
    Task<IVirtualMachine?> AdoptAsync(string folder, CancellationToken ct);
}

/// <summary>What a probe of one engine and architecture found.</summary>
/// <param name="Engine">The technique.</param>
/// <param name="Architecture">The guest's architecture.</param>
/// <param name="Works">Whether a small 64-bit guest ran to its end within the limit.</param>
/// <param name="Reason">Why not, or how it was proven.</param>
public sealed record EngineProbe(VmEngine Engine, VmArchitecture Architecture, bool Works, string Reason)
{
    /// <summary>What guests would have elsewhere, and why not here; a name of <see cref="EngineLack"/> each.</summary>
    public IReadOnlyDictionary<string, string> Lacks { get; init; } = new Dictionary<string, string>();
}

/// <summary>What an engine that works may lack on a host.</summary>
public static class EngineLack
{
    /// <summary>Volumes can be given to its guests.</summary>
    public const string Volumes = "volumes";

    /// <summary>Its guests take no more memory and processor time than they were given.</summary>
    public const string Limits = "limits";
}
