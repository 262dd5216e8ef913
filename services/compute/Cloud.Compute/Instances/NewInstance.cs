using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>What a create came to, after checks and placement.</summary>
internal sealed record NewInstance
{
    public required InstanceId Id { get; init; }

    public required string Project { get; init; }

    public required string ProjectName { get; init; }

    public required string Name { get; init; }

    public required Labels Labels { get; init; }

    public required ImageId Image { get; init; }

    public required string ImageName { get; init; }

    public required string Type { get; init; }

    public required int Vcpus { get; init; }

    public required long MemoryBytes { get; init; }

    public required long RootDiskBytes { get; init; }

    public required string EngineAsked { get; init; }

    public string? Engine { get; init; }

    public string? EngineReason { get; init; }

    public HostId? Host { get; init; }

    public string? HostName { get; init; }

    public string? UserData { get; init; }

    public required IReadOnlyList<string> AuthorizedKeys { get; init; }

    public string? KeyPair { get; init; }

    public required string Address { get; init; }

    public required string MacAddress { get; init; }

    public required IReadOnlyList<InstancePort> Ports { get; init; }

    public required IReadOnlyList<AwaitedVolume> VolumesAwaited { get; init; }

    public required RestartPolicy RestartPolicy { get; init; }

    public required bool DeletionProtection { get; init; }

    /// <summary>Null for a machine.</summary>
    public InstanceContainer? Container { get; init; }

    /// <summary>What its root disk goes on from; null where it begins as its image.</summary>
    public InstanceOrigin? Origin { get; init; }

    /// <summary>The snapshot that it goes on from, and the files that lie below it; null where it boots.</summary>
    public string? ForkOf { get; init; }

    public GuestImage? BootsFrom { get; init; }

    /// <summary>The snapshot of its image's warm state that its first start goes on from; null where it boots.</summary>
    public string? WarmFrom { get; init; }

    /// <summary>Why it does so, or why not; null where its image is not warm.</summary>
    public string? WarmReason { get; init; }
}

/// <summary>What an instance that was restored goes on from.</summary>
/// <param name="RootOf">The snapshot that its root disk was at first.</param>
/// <param name="Host">Where that is.</param>
/// <param name="KeyPair">The name of the key pair of the instance before it, which may be gone.</param>
/// <param name="AuthorizedKeys">That one's keys.</param>
/// <param name="Isolated">Its network is its own, not its project's.</param>
internal sealed record InstanceOrigin(
    string RootOf, string Host, string? KeyPair, IReadOnlyList<string> AuthorizedKeys, bool Isolated);

/// <summary>A port of the guest, published on loopback.</summary>
/// <param name="Guest">The port in the guest.</param>
/// <param name="Address">Where it is published.</param>
/// <param name="Port">The port there.</param>
public sealed record InstancePort(int Guest, string Address, int Port);
