using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>An instance as the API shows it.</summary>
public sealed record InstanceView
{
    public required InstanceId Id { get; init; }

    public required string Name { get; init; }

    public required Labels Labels { get; init; }

    public required InstanceStatus Status { get; init; }

    /// <summary>Why it failed, or what is not as it should be.</summary>
    public required string? StatusReason { get; init; }

    /// <summary>The boot reached its end and user data's exit code was 0.</summary>
    public required bool Ready { get; init; }

    public required string Image { get; init; }

    public required string Type { get; init; }

    public required int Vcpus { get; init; }

    public required long MemoryBytes { get; init; }

    public required long RootDiskBytes { get; init; }

    /// <summary>What the engine asked for came to.</summary>
    public required string? Engine { get; init; }

    public required string? EngineReason { get; init; }

    public required string? Host { get; init; }

    /// <summary>Whether its first start went on from what its image was after a boot (<c>POST /v1/images/{id}/warm</c>).</summary>
    public required bool Warm { get; init; }

    /// <summary>Why, or why not; null where its image is not warm.</summary>
    public required string? WarmReason { get; init; }

    /// <summary>In its project's network.</summary>
    public required string Address { get; init; }

    public required IReadOnlyList<InstancePort> Ports { get; init; }

    public required string? KeyPair { get; init; }

    public required RestartPolicy RestartPolicy { get; init; }

    public required bool DeletionProtection { get; init; }

    /// <summary>A container's command where one was asked for; null for the image's own, and for a machine.</summary>
    public required IReadOnlyList<string>? Command { get; init; }

    /// <summary>Whether a container can write to nothing but its volumes and memory.</summary>
    public required bool ReadOnlyRoot { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    internal static InstanceView From(Instance instance) => new()
    {
        Id = instance.Id,
        Name = instance.Name,
        Labels = instance.Labels,
        Status = instance.Status,
        StatusReason = instance.StatusReason,
        Ready = instance.Ready,
        Image = instance.ImageName,
        Type = instance.Type,
        Vcpus = instance.Vcpus,
        MemoryBytes = instance.MemoryBytes,
        RootDiskBytes = instance.RootDiskBytes,
        Engine = instance.Engine,
        EngineReason = instance.EngineReason,
        Host = instance.HostName,
        Warm = instance.GoesOnWarm,
        WarmReason = instance.WarmReason,
        Address = instance.Address,
        Ports = instance.Ports,
        KeyPair = instance.KeyPair,
        RestartPolicy = instance.RestartPolicy,
        DeletionProtection = instance.DeletionProtection,
        Command = instance.Container?.Command,
        ReadOnlyRoot = instance.Container?.ReadOnlyRoot ?? false,
        CreatedAt = instance.CreatedAt,
        UpdatedAt = instance.UpdatedAt,
    };
}
