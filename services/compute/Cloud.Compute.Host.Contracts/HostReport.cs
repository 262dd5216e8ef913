namespace Cloud.Compute.Host.Contracts;

/// <summary>A compute host as its agent describes it.</summary>
public sealed record HostReport
{
    public required string Name { get; init; }

    public required int Cpus { get; init; }

    public required long MemoryBytes { get; init; }

    public required long DiskFreeBytes { get; init; }

    /// <summary>What instances can ask of their host by <c>hostLabels</c>.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public required IReadOnlyList<HostEngine> Engines { get; init; }

    /// <summary>
    /// The whole path of its switch's folder, by which the switches of other hosts join their networks with its; null for none.
    /// </summary>
    public string? SwitchFolder { get; init; }

    /// <summary>How many volumes it has that no guest has.</summary>
    public int FreeVolumes { get; init; }

    /// <summary>
    /// <c>own</c> where the agent and its guests' processes are in a network namespace that has no network, or <c>machine</c>.
    /// </summary>
    public string NetworkNamespace { get; init; } = MachineNetwork;

    public const string OwnNetwork = "own";

    public const string MachineNetwork = "machine";
}

/// <summary>One engine and architecture on a host: proven by running a small guest, or why not.</summary>
/// <param name="Engine"><c>emulation</c>, <c>hardware</c>, …</param>
/// <param name="Architecture"><c>x86_64</c> or <c>riscv64</c>.</param>
public sealed record HostEngine(string Engine, string Architecture, bool Works, string Reason)
{
    /// <summary>What an instance would have on other hosts, and why not on this one: <c>volumes</c>, <c>limits</c>.</summary>
    public IReadOnlyDictionary<string, string> Lacks { get; init; } = new Dictionary<string, string>();

    public const string Volumes = "volumes";

    public const string Limits = "limits";
}
