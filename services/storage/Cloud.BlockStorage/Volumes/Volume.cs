using Cloud.BlockStorage.Snapshots;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Volumes;

/// <summary>A disk that outlives the instances it is attached to. At most one has it at a time.</summary>
internal sealed class Volume : IVersioned
{
    private Volume()
    {
    }

    public VolumeId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    public VolumeStatus Status { get; private set; }

    /// <summary>Why it failed, or why what was asked last was not done.</summary>
    public string? StatusReason { get; private set; }

    public long SizeBytes { get; private set; }

    /// <summary>Its size before the resize that is under way.</summary>
    public long SizeBytesBefore { get; private set; }

    /// <summary>The host that holds its bytes; null before one was chosen.</summary>
    public string? HostName { get; private set; }

    /// <summary>What it was made of: the id of one of three, or blank.</summary>
    public string? SourceImage { get; private init; }

    public string? SourceSnapshot { get; private init; }

    public string? SourceVolume { get; private init; }

    public string Type { get; private init; } = "";

    public bool Encrypted { get; private init; }

    public VolumeFormat Format { get; private init; }

    /// <summary>The snapshot of what it was before its latest restore; null where it was never restored.</summary>
    public SnapshotId? BeforeRestore { get; private set; }

    /// <summary>The most that its guest may read and write a second; null for no limit.</summary>
    public long? OperationsPerSecond { get; private init; }

    public long? BytesPerSecond { get; private init; }

    public bool DeletionProtection { get; private set; }

    /// <summary>The instance that has it, or is to get it or let go of it.</summary>
    public string? Instance { get; private set; }

    public bool ReadOnly { get; private set; }

    /// <summary>It is deleted with the instance.</summary>
    public bool DeleteOnTermination { get; private set; }

    public DateTimeOffset? AttachedAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>Nothing is under way.</summary>
    public bool Settled => Status is VolumeStatus.Available or VolumeStatus.Attached or VolumeStatus.Deleted or VolumeStatus.Failed;

    public static Volume Create(
        VolumeId id, string project, string name, VolumeSource source, long sizeBytes, VolumeType type, CreateVolumeRequest request,
        DateTimeOffset now) =>
        new()
        {
            Id = id,
            Project = project,
            Name = name,
            LabelText = new Labels(request.Labels ?? new Dictionary<string, string>()).Text,
            Status = VolumeStatus.Creating,
            SizeBytes = sizeBytes,
            SizeBytesBefore = sizeBytes,
            HostName = source.Host,
            SourceImage = source.Image,
            SourceSnapshot = source.Snapshot,
            SourceVolume = source.Volume,
            Type = type.Name,
            Encrypted = source.Encrypted || request.Encrypted == true,
            Format = request.Format,
            OperationsPerSecond = request.OperationsPerSecond ?? type.OperationsPerSecond,
            BytesPerSecond = request.BytesPerSecond ?? type.BytesPerSecond,
            DeletionProtection = request.DeletionProtection,
            CreatedAt = now,
            UpdatedAt = now,
        };

    public void Rename(string name, DateTimeOffset now) => (Name, UpdatedAt) = (name, now);

    public void Relabel(Labels labels, DateTimeOffset now) => (Labels, UpdatedAt) = (labels, now);

    public void Protect(bool protection, DateTimeOffset now) => (DeletionProtection, UpdatedAt) = (protection, now);

    /// <summary>Until it goes to another with its instance.</summary>
    public void GoesTo(string host, DateTimeOffset now) => (HostName, UpdatedAt) = (host, now);

    /// <exception cref="CloudException">The instance that is to have it is on another host.</exception>
    public void RequireOnHost(string? host)
    {
        if (host is not null && HostName is not null && host != HostName)
        {
            throw CloudException.Conflict(
                "volume-elsewhere",
                $"The volume is on host '{HostName}' and the instance on '{host}': POST …/migrate one of them first.");
        }
    }

    /// <exception cref="CloudException">An instance has it already, or something else is under way.</exception>
    public void BeginAttach(string instance, bool readOnly, bool deleteOnTermination, DateTimeOffset now)
    {
        RequireUnattached("attached");
        RequireStatus("attached", VolumeStatus.Available);
        (Instance, ReadOnly, DeleteOnTermination) = (instance, readOnly, deleteOnTermination);
        Turn(VolumeStatus.Attaching, null, now);
    }

    /// <exception cref="CloudException">No instance has it, or something else is under way.</exception>
    public void BeginDetach(DateTimeOffset now)
    {
        RequireStatus("detached", VolumeStatus.Attached);
        Turn(VolumeStatus.Detaching, null, now);
    }

    /// <exception cref="CloudException">It would shrink, or something else is under way.</exception>
    public void BeginResize(long sizeBytes, DateTimeOffset now)
    {
        if (sizeBytes < SizeBytes)
        {
            throw CloudException.Invalid("sizeBytes", $"A volume never shrinks: this one has {SizeBytes} bytes.");
        }

        RequireStatus("resized", VolumeStatus.Available, VolumeStatus.Attached);
        (SizeBytesBefore, SizeBytes) = (SizeBytes, sizeBytes);
        Turn(VolumeStatus.Resizing, null, now);
    }

    /// <exception cref="CloudException">An instance has it, or something else is under way.</exception>
    public void BeginRestore(long sizeBytes, DateTimeOffset now)
    {
        RequireUnattached("restored");
        RequireStatus("restored", VolumeStatus.Available);
        (SizeBytesBefore, SizeBytes) = (SizeBytes, sizeBytes);
        Turn(VolumeStatus.Restoring, null, now);
    }

    /// <exception cref="CloudException">Something else is under way.</exception>
    public void BeginMigrate(DateTimeOffset now)
    {
        RequireStatus("migrated", VolumeStatus.Attached);
        Turn(VolumeStatus.Migrating, null, now);
    }

    /// <exception cref="CloudException">An instance has it, or something else is under way.</exception>
    public void BeginMigrateAlone(DateTimeOffset now)
    {
        RequireStill("migrated");
        Turn(VolumeStatus.Migrating, null, now);
    }

    /// <summary>It is on this host now, with its instance where it has one.</summary>
    public void IsMigrated(string host, DateTimeOffset now)
    {
        HostName = host;
        Turn(Instance is null ? VolumeStatus.Available : VolumeStatus.Attached, null, now);
    }

    /// <summary>Its bytes can be copied now, as a snapshot or a volume.</summary>
    /// <exception cref="CloudException">It is not there yet, or goes.</exception>
    public void RequireBytes() => RequireStatus(
        "copied", VolumeStatus.Available, VolumeStatus.Attached, VolumeStatus.Attaching, VolumeStatus.Detaching);

    /// <summary>No guest writes to it: its bytes stand still.</summary>
    /// <exception cref="CloudException">An instance has it, or something else is under way.</exception>
    public void RequireStill(string what)
    {
        RequireUnattached(what);
        RequireStatus(what, VolumeStatus.Available);
    }

    /// <exception cref="CloudException">It is protected, an instance has it, or something else is under way.</exception>
    public void BeginDelete(DateTimeOffset now)
    {
        if (DeletionProtection)
        {
            throw CloudException.Conflict("deletion-protected", "The volume is protected from deletion.");
        }

        RequireUnattached("deleted");
        RequireStatus("deleted", VolumeStatus.Available, VolumeStatus.Failed);
        Turn(VolumeStatus.Deleting, null, now);
    }

    /// <summary>It is what the snapshot asked for held.</summary>
    /// <param name="safety">The snapshot of what it was before.</param>
    public void IsRestored(SnapshotId safety, DateTimeOffset now)
    {
        BeforeRestore = safety;
        Settles(now);
    }

    /// <summary>What was under way is done.</summary>
    public void Settles(DateTimeOffset now)
    {
        SizeBytesBefore = SizeBytes;
        if (Instance is null || Status == VolumeStatus.Detaching)
        {
            Release(null, now);
            return;
        }

        AttachedAt ??= now;
        Turn(VolumeStatus.Attached, null, now);
    }

    /// <summary>
    /// What was under way has failed for good: the volume is what it was before, with the reason, or failed where it was nothing before.
    /// </summary>
    public void Fails(string reason, DateTimeOffset now)
    {
        SizeBytes = SizeBytesBefore;
        switch (Status)
        {
            case VolumeStatus.Attaching:
            case VolumeStatus.Restoring:
            case VolumeStatus.Migrating:
            case VolumeStatus.Resizing when Instance is null:
                Release(reason, now);
                break;
            case VolumeStatus.Detaching or VolumeStatus.Resizing:
                Turn(VolumeStatus.Attached, reason, now);
                break;
            default:
                Turn(VolumeStatus.Failed, reason, now);
                break;
        }
    }

    /// <summary>The instance that had it is gone.</summary>
    public void IsOrphaned(DateTimeOffset now)
    {
        if (Status == VolumeStatus.Resizing)
        {
            (Instance, AttachedAt, ReadOnly, UpdatedAt) = (null, null, false, now);
        }
        else
        {
            Release(null, now);
        }
    }

    /// <summary>The instance that it goes with is gone, whatever was under way.</summary>
    public void GoesWithInstance(DateTimeOffset now)
    {
        Release(null, now);
        Turn(VolumeStatus.Deleting, null, now);
    }

    public void IsDeleted(DateTimeOffset now) => Turn(VolumeStatus.Deleted, null, now);

    private void Release(string? reason, DateTimeOffset now)
    {
        (Instance, AttachedAt, ReadOnly, DeleteOnTermination) = (null, null, false, false);
        Turn(VolumeStatus.Available, reason, now);
    }

    private void Turn(VolumeStatus status, string? reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (status, reason, now);

    private void RequireUnattached(string what)
    {
        if (Instance is { } instance)
        {
            throw new CloudException(
                ErrorKind.Conflict, "volume-in-use",
                $"The volume cannot be {what}: it is {EnumWord(Status)} to or from instance '{instance}'. Detach it first.")
            {
                Details = new Dictionary<string, object> { ["instance"] = instance },
            };
        }
    }

    private void RequireStatus(string what, params ReadOnlySpan<VolumeStatus> allowed)
    {
        if (!allowed.Contains(Status))
        {
            throw CloudException.Conflict("volume-busy", $"The volume cannot be {what}: it is {EnumWord(Status)}.");
        }
    }

    private static string EnumWord(VolumeStatus status) => ServiceDefaults.EnumWords.Of(status);
}
