using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Images;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.Placement;
using Cloud.Persistence;

namespace Cloud.Compute.WarmStates;

/// <summary>
/// What a machine of an image was at the end of its boot, on one host: its memory, devices and disk. An instance of the same image, type
/// and engine goes on from it instead of booting.
/// </summary>
internal sealed class WarmState : IVersioned
{
    private WarmState()
    {
    }

    public WarmStateId Id { get; private init; }

    public ImageId Image { get; private init; }

    public string ImageName { get; private init; } = "";

    /// <summary>The name of the instance type.</summary>
    public string Type { get; private init; } = "";

    public int Vcpus { get; private init; }

    public long MemoryBytes { get; private init; }

    /// <summary>The size of the root disk, which a guest has read already.</summary>
    public long RootDiskBytes { get; private set; }

    public string Engine { get; private init; } = "";

    public string HostName { get; private init; } = "";

    /// <summary>The image's files that its machine booted from; null before.</summary>
    public GuestImage? Files { get; private set; }

    /// <summary>What memory and devices take on the host's disk.</summary>
    public long StoredBytes { get; private set; }

    public WarmStateStatus Status { get; private set; }

    public string? StatusReason { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>The guest on the host that boots.</summary>
    public string Guest => Id.Value;

    /// <summary>The guest that is tried: it goes on from what the first was.</summary>
    public string Trial => $"{Id.Value}-trial";

    /// <summary>The snapshot on the host.</summary>
    public string Snapshot => SnapshotOf(Id);

    public static string SnapshotOf(WarmStateId id) => $"{id.Value}-state";

    public static WarmState Create(WarmStateId id, Image image, InstanceType type, HostVerdict host, DateTimeOffset now) => new()
    {
        Id = id,
        Image = image.Id,
        ImageName = image.Name,
        Type = type.Name,
        Vcpus = type.Vcpus,
        MemoryBytes = type.MemoryBytes,
        RootDiskBytes = type.RootDiskBytes,
        Engine = host.Engine!,
        HostName = host.Host,
        Status = WarmStateStatus.Warming,
        CreatedAt = now,
        UpdatedAt = now,
    };

    /// <summary>The same once more, from the beginning.</summary>
    public WarmState Anew(WarmStateId id, long typeDiskBytes, DateTimeOffset now) => new()
    {
        Id = id,
        Image = Image,
        ImageName = ImageName,
        Type = Type,
        Vcpus = Vcpus,
        MemoryBytes = MemoryBytes,
        RootDiskBytes = typeDiskBytes,
        Engine = Engine,
        HostName = HostName,
        Status = WarmStateStatus.Warming,
        CreatedAt = now,
        UpdatedAt = now,
    };

    /// <summary>Whether an instance that is made now can go on from it.</summary>
    public bool Fits(Image image, InstanceType type, HostVerdict host) =>
        Status == WarmStateStatus.Active && image.Status == ImageStatus.Active && Files?.Folder == image.Folder
        && Type == type.Name && Vcpus == type.Vcpus
        && MemoryBytes == type.MemoryBytes && RootDiskBytes == Math.Max(type.RootDiskBytes, image.DiskSizeBytes)
        && Engine == host.Engine && HostName == host.Host;

    public void TakesFiles(GuestImage files, long diskBytes, DateTimeOffset now) =>
        (Files, RootDiskBytes, UpdatedAt) = (files, Math.Max(RootDiskBytes, diskBytes), now);

    public void IsKept(long storedBytes, DateTimeOffset now) => (StoredBytes, UpdatedAt) = (storedBytes, now);

    public void IsActive(DateTimeOffset now) => Turn(WarmStateStatus.Active, null, now);

    public void Fails(string reason, DateTimeOffset now) => Turn(WarmStateStatus.Failed, reason, now);

    public void IsStale(string reason, DateTimeOffset now) => Turn(WarmStateStatus.Stale, reason, now);

    private void Turn(WarmStateStatus status, string? reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (status, reason, now);
}
