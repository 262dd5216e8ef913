using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Instances;

/// <summary>A migration as the API shows it.</summary>
public sealed record InstanceMigrationView
{
    /// <summary><c>running</c>, <c>succeeded</c>, <c>failed</c> or <c>cancelled</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Why the instance stayed where it was.</summary>
    public required string? Reason { get; init; }

    public required string From { get; init; }

    public required string To { get; init; }

    public required string Policy { get; init; }

    public required double TimeoutSeconds { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>How far it is; null where that is not known.</summary>
    public required GuestMoveReport? Progress { get; init; }

    /// <param name="progress">What its host says of it now; null for what was kept.</param>
    internal static InstanceMigrationView Of(InstanceMigration migration, GuestMoveReport? progress) => new()
    {
        Status = migration switch
        {
            { EndedAt: null } => "running",
            { Reason: null } => "succeeded",
            { CancelAsked: true } => "cancelled",
            _ => "failed",
        },
        Reason = migration.Reason,
        From = migration.From,
        To = migration.To,
        Policy = migration.Policy,
        TimeoutSeconds = migration.TimeoutSeconds,
        StartedAt = migration.StartedAt,
        EndedAt = migration.EndedAt,
        Progress = progress ?? migration.Last,
    };
}
