namespace Cloud.Compute.WarmStates;

/// <summary>An image's warm state as the API shows it.</summary>
public sealed record WarmStateView
{
    public required WarmStateId Id { get; init; }

    /// <summary>The image's name.</summary>
    public required string Image { get; init; }

    /// <summary>The instance type that it is for.</summary>
    public required string Type { get; init; }

    public required string Engine { get; init; }

    public required string Host { get; init; }

    public required WarmStateStatus Status { get; init; }

    public required string? StatusReason { get; init; }

    /// <summary>What memory and devices take on the host's disk.</summary>
    public required long StoredBytes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    internal static WarmStateView From(WarmState state) => new()
    {
        Id = state.Id,
        Image = state.ImageName,
        Type = state.Type,
        Engine = state.Engine,
        Host = state.HostName,
        Status = state.Status,
        StatusReason = state.StatusReason,
        StoredBytes = state.StoredBytes,
        CreatedAt = state.CreatedAt,
        UpdatedAt = state.UpdatedAt,
    };
}
