using Cloud.Compute.Instances;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>What an instance was at one instant: memory, devices and root disk. It goes with its instance.</summary>
internal sealed class InstanceSnapshot : IVersioned
{
    private InstanceSnapshot()
    {
    }

    public InstanceSnapshotId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private init; } = "";

    public string LabelText { get; private init; } = "";

    public Labels Labels => Labels.FromText(LabelText);

    public InstanceId Instance { get; private init; }

    public string HostName { get; private set; } = "";

    /// <summary>What memory and devices take on the host's disk.</summary>
    public long StoredBytes { get; private set; }

    public InstanceSnapshotStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>Nothing is under way.</summary>
    public bool Settled => Status is InstanceSnapshotStatus.Available or InstanceSnapshotStatus.Deleted or InstanceSnapshotStatus.Failed;

    public static InstanceSnapshot Create(InstanceSnapshotId id, Instance instance, string name, Labels labels, DateTimeOffset now) => new()
    {
        Id = id,
        Project = instance.Project,
        Name = name,
        LabelText = labels.Text,
        Instance = instance.Id,
        HostName = instance.HostName!,
        Status = InstanceSnapshotStatus.Creating,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void IsTaken(long storedBytes, DateTimeOffset now)
    {
        StoredBytes = storedBytes;
        Turn(InstanceSnapshotStatus.Available, null, now);
    }

    /// <summary>It went to another host with its instance.</summary>
    public void GoesTo(string host, DateTimeOffset now) => (HostName, UpdatedAt) = (host, now);

    public void Fails(string reason, DateTimeOffset now) => Turn(InstanceSnapshotStatus.Failed, reason, now);

    /// <exception cref="CloudException">It is not taken yet, failed or goes.</exception>
    public void RequireAvailable()
    {
        if (Status != InstanceSnapshotStatus.Available)
        {
            throw CloudException.Conflict("snapshot-busy", $"Snapshot '{Name}' is {EnumWords.Of(Status)}.");
        }
    }

    /// <exception cref="CloudException">It is being taken.</exception>
    public void BeginDelete(DateTimeOffset now)
    {
        if (Status == InstanceSnapshotStatus.Creating)
        {
            throw CloudException.Conflict("snapshot-busy", $"Snapshot '{Name}' is being taken.");
        }

        Turn(InstanceSnapshotStatus.Deleting, null, now);
    }

    /// <summary>Its instance goes, and it with it, whatever was under way.</summary>
    public void GoesWithItsInstance(DateTimeOffset now) => Turn(InstanceSnapshotStatus.Deleting, null, now);

    public void IsDeleted(DateTimeOffset now) => Turn(InstanceSnapshotStatus.Deleted, null, now);

    private void Turn(InstanceSnapshotStatus status, string? reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (status, reason, now);
}
