namespace Cloud.Compute.Host.Contracts;

/// <summary>
/// The volumes of a host. Every call is idempotent: asked again, also after a crash in the middle, it brings about the same. What cannot be
/// is refused with a <c>CloudException</c>.
/// </summary>
public interface IVolumeStore
{
    /// <summary>Makes a volume, durable when this answers; one of this id that is there already is answered as it is.</summary>
    Task<StoredVolume> CreateVolumeAsync(VolumeSpec spec, CancellationToken ct);

    Task<IReadOnlyList<StoredVolume>> ListVolumesAsync(CancellationToken ct);

    /// <summary>Null for a volume that this host does not have.</summary>
    Task<StoredVolume?> FindVolumeAsync(string volume, CancellationToken ct);

    /// <summary>Grows a volume; a guest that has it sees the new size. A smaller size is refused.</summary>
    Task<StoredVolume> ResizeVolumeAsync(string volume, long sizeBytes, CancellationToken ct);

    /// <summary>Removes a volume; its snapshots stay. Refused with <see cref="HostErrors.VolumeInUse"/> while a guest has it.</summary>
    Task DeleteVolumeAsync(string volume, CancellationToken ct);

    /// <summary>
    /// Keeps what volumes hold now, all at one instant, each under the id of its snapshot. Of a running guest whose agent answers the
    /// file systems are frozen meanwhile, and the answer says so.
    /// </summary>
    /// <param name="snapshots">
    /// The ids of the snapshots by their volumes' ids; all of one guest, or of none. The guest's own id stands for its root disk, whose
    /// snapshots go with it.
    /// </param>
    Task<IReadOnlyList<StoredSnapshot>> SnapshotVolumesAsync(IReadOnlyDictionary<string, string> snapshots, CancellationToken ct);

    Task<IReadOnlyList<StoredSnapshot>> ListSnapshotsAsync(CancellationToken ct);

    /// <summary>Removes a snapshot; what it holds for volumes and other snapshots stays with these.</summary>
    Task DeleteSnapshotAsync(string snapshot, CancellationToken ct);

    /// <summary>Brings a volume back to a snapshot. Refused with <see cref="HostErrors.VolumeInUse"/> while a guest has it.</summary>
    Task<StoredVolume> RestoreVolumeAsync(string volume, string snapshot, CancellationToken ct);

    /// <summary>
    /// Bytes that a snapshot holds, or a volume; of a volume they stand still meanwhile. Refused with
    /// <see cref="HostErrors.VolumeInUse"/> while a guest has the volume. Whoever asks disposes of the stream.
    /// </summary>
    Task<Stream> ReadContentAsync(string source, long offset, long lengthBytes, CancellationToken ct);

    /// <summary>
    /// Writes bytes of a volume, durable when this ends; zeros take no space. Refused with <see cref="HostErrors.VolumeInUse"/> while a
    /// guest has it.
    /// </summary>
    Task WriteContentAsync(string volume, long offset, Stream content, CancellationToken ct);

    /// <summary>
    /// Keeps bytes of a qcow2 file that is to become a volume's content, durable when this ends; from where those before end, or before.
    /// </summary>
    Task StageAsync(string volume, long offset, Stream content, CancellationToken ct);

    /// <summary>
    /// Checks the staged file and writes what it holds to the volume, as much as a call should take. Refused with
    /// <see cref="HostErrors.VolumeInUse"/> while a guest has the volume.
    /// </summary>
    /// <param name="fileBytes">The file's whole length.</param>
    /// <param name="from">Where the last call ended; at first 0.</param>
    /// <returns>Where to go on; null where it is done and the staged file is gone.</returns>
    Task<long?> ImportAsync(string volume, long fileBytes, long from, CancellationToken ct);

    /// <summary>
    /// What a volume takes on its host, and what its guest reads and writes; null for a volume that this host does not have.
    /// </summary>
    Task<StoredVolumeMetrics?> ReadVolumeMetricsAsync(string volume, CancellationToken ct);

    /// <summary>Makes a new master key, wraps the keys of all encrypted volumes by it and forgets the one before.</summary>
    Task RotateMasterKeyAsync(CancellationToken ct);

    /// <summary>The master key that the keys of encrypted volumes are wrapped by now.</summary>
    Task<VolumeMasterKey> ReadMasterKeyAsync(CancellationToken ct);

    /// <summary>
    /// The blocks from an offset on that a snapshot may hold otherwise than another; of one alone, those that were ever written.
    /// </summary>
    /// <param name="since">The other; null for none.</param>
    /// <param name="countMax">How many extents are told at once.</param>
    Task<VolumeExtents> ListExtentsAsync(string snapshot, string? since, long offset, int countMax, CancellationToken ct);

    /// <summary>Awaits a volume of another host, with its snapshots; what there is of it from another time is replaced.</summary>
    Task<GuestArrival> AwaitVolumeAsync(string volume, CancellationToken ct);

    /// <summary>
    /// Sends a volume that no guest has to where it is awaited: both hosts have it then, and nothing is written to it here any more.
    /// </summary>
    Task SendVolumeAsync(string volume, GuestArrival to, CancellationToken ct);

    /// <summary>A volume that was sent, or was to be, stays: it is written to here again.</summary>
    Task KeepVolumeAsync(string volume, CancellationToken ct);

    /// <summary>A volume and its snapshots are another host's for good.</summary>
    Task ForgetVolumeAsync(string volume, CancellationToken ct);
}

/// <summary>A host's master key.</summary>
/// <param name="Key">64 hexadecimal digits.</param>
public sealed record VolumeMasterKey(string Key);

/// <summary>Extents in the order of their offsets.</summary>
/// <param name="NextOffset">Where the next page starts; null after the last.</param>
public sealed record VolumeExtents(IReadOnlyList<VolumeExtent> Extents, long? NextOffset);

/// <summary>Bytes that lie together, in whole blocks of 64 KiB.</summary>
public sealed record VolumeExtent(long Offset, long LengthBytes);

/// <summary>A volume to make.</summary>
public sealed record VolumeSpec
{
    /// <summary>The volume's id; also the name of its folder on the host.</summary>
    public required string Id { get; init; }

    /// <summary>As the guest sees it; a multiple of 512.</summary>
    public required long SizeBytes { get; init; }

    /// <summary><c>qcow2</c> or <c>raw</c>; raw only where it is made blank.</summary>
    public required string Format { get; init; }

    /// <summary>
    /// What is written to it is encrypted on the host's disk, by a key of its own. A copy of an encrypted one is encrypted in any case.
    /// </summary>
    public bool Encrypted { get; init; }

    /// <summary>Of a raw one: what is written is on the host's disk when it is acknowledged.</summary>
    public bool WriteThrough { get; init; }

    /// <summary>Starts as a copy of this image's disk; at most one of the three sources is given.</summary>
    public GuestImage? Image { get; init; }

    /// <summary>Starts as what this snapshot holds.</summary>
    public string? Snapshot { get; init; }

    /// <summary>Starts as what this volume holds now.</summary>
    public string? Volume { get; init; }
}

/// <summary>A volume as it lies on its host.</summary>
/// <param name="Id">The volume.</param>
/// <param name="SizeBytes">As a guest sees it.</param>
/// <param name="StoredBytes">What its own file takes on the disk; what it shares with others is not counted.</param>
/// <param name="Format"><c>qcow2</c> or <c>raw</c>.</param>
/// <param name="Layers">How many files a read may pass through.</param>
/// <param name="Guest">The guest that has it; null for none.</param>
public sealed record StoredVolume(string Id, long SizeBytes, long StoredBytes, string Format, int Layers, string? Guest);

/// <summary>A snapshot as it lies on its host.</summary>
/// <param name="Id">The snapshot.</param>
/// <param name="Volume">The volume that it is of.</param>
/// <param name="SizeBytes">The volume's size at that time.</param>
/// <param name="FileSystemsFrozen">The guest had written everything down when it was taken.</param>
public sealed record StoredSnapshot(string Id, string Volume, long SizeBytes, bool FileSystemsFrozen);

/// <summary>What a volume takes on its host, and what its guest reads and writes.</summary>
/// <param name="StoredBytes">What all of its files take on the disk; some may be shared with others.</param>
/// <param name="Layers">How many files a read may pass through.</param>
/// <param name="Disk">Counters since the guest has the disk; null while no running one does.</param>
public sealed record StoredVolumeMetrics(long StoredBytes, int Layers, GuestDiskMetrics? Disk);

/// <summary>How far an import is.</summary>
/// <param name="Next">Where to go on; null where it is done.</param>
public sealed record ImportProgress(long? Next);
