using Cloud.BlockStorage.Volumes;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>What a volume held at one instant. It outlives the volume.</summary>
internal sealed class Snapshot : IVersioned
{
    private Snapshot()
    {
    }

    public SnapshotId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels => Labels.FromText(LabelText);

    public VolumeId Volume { get; private init; }

    public string HostName { get; private set; } = "";

    public long SizeBytes { get; private set; }

    /// <summary>As its volume is.</summary>
    public bool Encrypted { get; private init; }

    public SnapshotStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    /// <summary>The guest had written everything down when it was taken.</summary>
    public bool FileSystemsFrozen { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>Nothing is under way.</summary>
    public bool Settled => Status is SnapshotStatus.Available or SnapshotStatus.Deleted or SnapshotStatus.Failed;

    public static Snapshot Create(SnapshotId id, Volume volume, string name, Labels labels, DateTimeOffset now) => new()
    {
        Id = id,
        Project = volume.Project,
        Name = name,
        LabelText = labels.Text,
        Volume = volume.Id,
        HostName = volume.HostName!,
        SizeBytes = volume.SizeBytes,
        Encrypted = volume.Encrypted,
        Status = SnapshotStatus.Creating,
        CreatedAt = now,
        UpdatedAt = now,
    };

    /// <summary>It went to another host with its volume.</summary>
    public void GoesTo(string host, DateTimeOffset now) => (HostName, UpdatedAt) = (host, now);

    public void Rename(string name, DateTimeOffset now) => (Name, UpdatedAt) = (name, now);

    public void Relabel(Labels labels, DateTimeOffset now) => (LabelText, UpdatedAt) = (labels.Text, now);

    public void IsTaken(long sizeBytes, bool fileSystemsFrozen, DateTimeOffset now)
    {
        (SizeBytes, FileSystemsFrozen) = (sizeBytes, fileSystemsFrozen);
        Turn(SnapshotStatus.Available, null, now);
    }

    public void Fails(string reason, DateTimeOffset now) => Turn(SnapshotStatus.Failed, reason, now);

    /// <exception cref="CloudException">It is not taken yet, failed or goes.</exception>
    public void RequireAvailable()
    {
        if (Status != SnapshotStatus.Available)
        {
            throw CloudException.Conflict("snapshot-busy", $"Snapshot '{Name}' is {ServiceDefaults.EnumWords.Of(Status)}.");
        }
    }

    /// <exception cref="CloudException">It is being taken.</exception>
    public void BeginDelete(DateTimeOffset now)
    {
        if (Status == SnapshotStatus.Creating)
        {
            throw CloudException.Conflict("snapshot-busy", $"Snapshot '{Name}' is being taken.");
        }

        Turn(SnapshotStatus.Deleting, null, now);
    }

    public void IsDeleted(DateTimeOffset now) => Turn(SnapshotStatus.Deleted, null, now);

    private void Turn(SnapshotStatus status, string? reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (status, reason, now);
}
