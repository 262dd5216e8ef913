namespace Cloud.Compute.Contracts;

/// <summary>
/// Instances as other services use them, each call for a project: in this process, or over HTTP (<see cref="HttpInstances"/>). Every
/// call is idempotent; a refusal is a <c>CloudException</c>. What takes longer is begun and answered as it stands: ask again.
/// </summary>
public interface IInstances
{
    /// <summary>An instance of the project by id or name; null where there is none.</summary>
    Task<InstanceState?> FindAsync(string project, string instance, CancellationToken ct);

    /// <summary>The ids of the project's instances that carry all of these labels.</summary>
    Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct);

    /// <summary>
    /// Makes an instance and boots it; one of this name that was made of the same root is answered as it is. One of another origin is
    /// refused.
    /// </summary>
    Task<InstanceState> CreateAsync(string project, NewInstanceCopy copy, CancellationToken ct);

    /// <summary>
    /// Makes a container of a service's own and starts it; one of this name that the service has is answered as it is. From there on it is
    /// as any other, in the project <c>prj-cloud</c>.
    /// </summary>
    Task<InstanceState> CreateServiceAsync(NewServiceInstance instance, CancellationToken ct);

    /// <summary>
    /// Why no container of one of the cloud's own images could be made now that has a volume and is held to its limits; null where one can.
    /// </summary>
    /// <param name="volumeHost">The host that the volume lies on; null for one that is yet to be made.</param>
    Task<string?> RefusalOfContainerAsync(string image, int vcpus, long memoryBytes, string? volumeHost, CancellationToken ct);

    /// <summary>Gives a container other processors and memory, where it runs at once.</summary>
    Task<InstanceState> ResizeAsync(string project, string instance, int vcpus, long memoryBytes, CancellationToken ct);

    /// <summary>Asks a running instance to power off, and ends it by force after a while.</summary>
    Task<InstanceState> StopAsync(string project, string instance, CancellationToken ct);

    /// <summary>Boots an instance that is stopped.</summary>
    Task<InstanceState> StartAsync(string project, string instance, CancellationToken ct);

    /// <summary>Has an instance that is stopped boot from what a snapshot on its host holds. All of its root disk is replaced.</summary>
    Task ReplaceRootAsync(string project, string instance, string snapshot, CancellationToken ct);

    /// <summary>Removes an instance, whatever protects it; false while that is under way, true also where there is none.</summary>
    Task<bool> DeleteAsync(string project, string instance, CancellationToken ct);

    /// <summary>Runs a program in the guest through its agent; its exit code.</summary>
    Task<int> ExecAsync(string project, string instance, IReadOnlyList<string> command, CancellationToken ct);

    /// <summary>
    /// Runs a program in a running container, whose input and output are streams of any length that go at the pace of the slower side.
    /// Cancelled, or where the input or the output fails, the program is killed. Refused for other engines.
    /// </summary>
    /// <param name="project">The project.</param>
    /// <param name="instance">The instance, by id or name.</param>
    /// <param name="command">The program.</param>
    /// <param name="input">What it reads; null for nothing.</param>
    /// <param name="output">
    /// Reads what it writes, while it does; what is left over is dropped. All of it is there only where the call ends well.
    /// </param>
    /// <param name="ct">Kills it.</param>
    Task<ContainerCommandEnd> RunAsync(
        string project, string instance, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct);
}

/// <summary>An instance, and all that another is made like it by.</summary>
/// <param name="Status">As the API says it: <c>running</c>, <c>stopped</c>, …</param>
/// <param name="Settled">Nothing is under way.</param>
/// <param name="Ready">The boot reached its end.</param>
/// <param name="Host">Where it is; null before it was placed.</param>
public sealed record InstanceState(
    string Id, string Name, string Status, string? StatusReason, bool Settled, bool Ready, string? Host, InstanceSettings Settings)
{
    /// <summary>What listens on its host for a container of a service's own.</summary>
    public IReadOnlyList<InstanceListener> Listeners { get; init; } = [];

    public int Vcpus { get; init; }

    public long MemoryBytes { get; init; }

    public const string Running = "running";

    public const string Stopped = "stopped";

    public const string Failed = "failed";
}

/// <summary>How an instance was asked for.</summary>
public sealed record InstanceSettings
{
    public required string ProjectName { get; init; }

    /// <summary>The id of its image.</summary>
    public required string Image { get; init; }

    /// <summary>What the image is called: another of this name stands in for one that is gone.</summary>
    public required string ImageName { get; init; }

    /// <summary>It has no root disk of its own.</summary>
    public bool IsContainer { get; init; }

    public required string Type { get; init; }

    public required string Engine { get; init; }

    public string? UserData { get; init; }

    public string? KeyPair { get; init; }

    /// <summary>Public keys that may log in.</summary>
    public IReadOnlyList<string> AuthorizedKeys { get; init; } = [];

    /// <summary>Ports of the guest that are published.</summary>
    public IReadOnlyList<int> Ports { get; init; } = [];

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public required string RestartPolicy { get; init; }

    public bool DeletionProtection { get; init; }

    public IReadOnlyList<string>? Command { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public bool ReadOnlyRoot { get; init; }

    /// <summary>Where a container has volumes, by their ids.</summary>
    public IReadOnlyDictionary<string, string> Mounts { get; init; } = new Dictionary<string, string>();
}

/// <summary>An instance to make.</summary>
/// <param name="RootOf">
/// The snapshot on a host that is its root disk. Of a container, which has none, no snapshot: it tells two of one name apart.
/// </param>
/// <param name="Host">Where that is.</param>
/// <param name="Volumes">Volumes that no instance has, in their order.</param>
/// <param name="Isolated">Its network is its own: it reaches no other instance, and none reaches it.</param>
public sealed record NewInstanceCopy(
    string Name, InstanceSettings Settings, string RootOf, string Host, IReadOnlyList<NewInstanceVolume> Volumes, bool Isolated);

/// <summary>A volume that a new instance has.</summary>
/// <param name="MountPath">Where a container has it; null for the usual place.</param>
public sealed record NewInstanceVolume(string Volume, bool ReadOnly, bool DeleteOnTermination, string? MountPath);
