namespace Cloud.Compute.Contracts;

/// <summary>
/// A container that a service makes for itself: in the project <c>prj-cloud</c>, which no user sees and no quota counts, and without a
/// network. What reaches it are its listeners.
/// </summary>
public sealed record NewServiceInstance
{
    /// <summary>Unique among what all services have.</summary>
    public required string Name { get; init; }

    /// <summary>The service that it is of: its label <c>managed-by</c>.</summary>
    public required string ManagedBy { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>One of the cloud's own container images, by name or id.</summary>
    public required string Image { get; init; }

    public required int Vcpus { get; init; }

    public required long MemoryBytes { get; init; }

    /// <summary>The host that it is to be on; null for that of its volumes, or else any.</summary>
    public string? Host { get; init; }

    /// <summary><c>never</c>, <c>on-failure</c> or <c>always</c>.</summary>
    public string RestartPolicy { get; init; } = "always";

    /// <summary>The program and its arguments; null for the image's own.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Nothing but its volumes and memory can be written to.</summary>
    public bool ReadOnlyRoot { get; init; }

    /// <summary>Volumes of the same project that no instance has.</summary>
    public IReadOnlyList<NewInstanceVolume> Volumes { get; init; } = [];

    /// <summary>At most 8.</summary>
    public IReadOnlyList<NewListener> Listeners { get; init; } = [];
}

/// <summary>
/// A TCP socket that listens on the host, and that the container's first process is given open, as sd_listen_fds(3) has it. It stays open
/// while the container is rebooted, and is another's from stop to start.
/// </summary>
/// <param name="Name">What the container knows it by: a-z, 0-9 and '-'.</param>
/// <param name="Port">The port on the host's loopback; null has one chosen, for the instance's life.</param>
public sealed record NewListener(string Name, int? Port = null);

/// <summary>A listener of an instance.</summary>
/// <param name="Address">Where it is reached from the host.</param>
public sealed record InstanceListener(string Name, string Address, int Port);
