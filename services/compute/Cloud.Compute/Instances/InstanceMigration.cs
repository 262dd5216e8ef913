using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Instances;

/// <summary>A way of an instance to another host, as its row keeps it.</summary>
/// <param name="Policy">As <see cref="GuestMove"/> has it.</param>
/// <param name="TimeoutSeconds">How long its guest may change memory faster than it is copied.</param>
internal sealed record InstanceMigration(string From, string To, string Policy, double TimeoutSeconds, DateTimeOffset StartedAt)
{
    /// <summary>What it was when it was begun.</summary>
    public InstanceStatus Was { get; init; } = InstanceStatus.Running;

    public bool CancelAsked { get; init; }

    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it did not come about; null where it did, or is under way.</summary>
    public string? Reason { get; init; }

    /// <summary>How far it was when it ended.</summary>
    public GuestMoveReport? Last { get; init; }
}
