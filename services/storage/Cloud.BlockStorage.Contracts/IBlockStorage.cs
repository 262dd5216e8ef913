namespace Cloud.BlockStorage.Contracts;

/// <summary>
/// Block storage as the cloud's other services use it, each call for a project: in this process, or over HTTP
/// (<see cref="HttpBlockStorage"/>). Every call is idempotent; a refusal is a <c>CloudException</c>.
/// </summary>
public interface IBlockStorage
{
    /// <summary>A volume of the project by id or name; null where there is none.</summary>
    Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct);

    /// <summary>The ids of the project's volumes that carry all of these labels.</summary>
    Task<IReadOnlyList<string>> ListVolumesAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct);

    /// <summary>The volumes that an instance has, in the order in which it got them.</summary>
    Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct);

    /// <summary>
    /// Makes a volume, and waits a few seconds for it; one of this name that is there already is answered as it is. It can be used once its
    /// status is <c>available</c>: until then, ask again.
    /// </summary>
    Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct);

    /// <summary>
    /// Has a volume be at least this large, also while its instance runs, and waits a few seconds for it: <c>resizing</c> where it takes
    /// longer; where it is smaller and settled it could not grow, and says why.
    /// </summary>
    Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct);

    /// <summary>Removes a volume that no instance has; false while that is still under way, true also where there is none.</summary>
    Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct);

    /// <summary>
    /// Keeps what volumes hold now, all at one instant, and waits a few seconds for it; where there are snapshots of these names already,
    /// they are answered as they are.
    /// </summary>
    /// <param name="project">Whose they are.</param>
    /// <param name="names">
    /// The snapshots' names by the ids or names of their volumes: all of one instance, or of none. That instance's id stands for its root
    /// disk, of which a snapshot is taken at the same instant that compute alone knows of; the name is its id there.
    /// </param>
    /// <param name="ct">Ends the wait.</param>
    Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(string project, IReadOnlyDictionary<string, string> names, CancellationToken ct);

    /// <summary>A snapshot of the project by id or name; null where there is none.</summary>
    Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct);

    /// <summary>Removes a snapshot; false while that is still under way, true also where there is none.</summary>
    Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct);

    /// <summary>
    /// Bytes that a snapshot holds, or a volume that no instance has. Whoever asks disposes of the stream; one that ends early has failed.
    /// </summary>
    /// <param name="source">The id of a snapshot or a volume.</param>
    Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct);

    /// <summary>What a snapshot holds, or a volume that no instance has, as a qcow2 file. Whoever asks disposes of the stream.</summary>
    /// <param name="source">The id of a snapshot or a volume.</param>
    Task<Stream> ExportAsync(string project, string source, CancellationToken ct);

    /// <summary>Writes bytes of a volume that no instance has, durable when this ends. Zeros take no space.</summary>
    Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct);

    /// <summary>The blocks where a snapshot may differ from another; of one alone, those that were ever written.</summary>
    /// <param name="since">The other; null for none.</param>
    /// <param name="offset">Where the page starts.</param>
    /// <param name="countMax">How many extents are told at once.</param>
    Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct);

    /// <summary>
    /// Gives an instance a volume, and waits a few seconds for it: the answer is <c>attached</c>, or <c>attaching</c> where it takes
    /// longer. Refused where another instance has it, or where the instance did not get it.
    /// </summary>
    Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct);

    /// <summary>
    /// Takes a volume from the instance that has it, and waits a few seconds for it: the answer is <c>available</c>, or <c>detaching</c>
    /// where it takes longer, or <c>attached</c> with the reason where the guest does not let go.
    /// </summary>
    /// <param name="force">A guest that does not let go is reset and loses it.</param>
    Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct);

    /// <summary>
    /// The instance is to go to another host with its volumes: until that is over nothing else is done with them. Refused while something
    /// is under way with one.
    /// </summary>
    Task BeginMoveAsync(string project, string instance, CancellationToken ct);

    /// <summary>The instance's volumes, and their snapshots, are on this host now; also where it is the one they were on.</summary>
    Task EndMoveAsync(string project, string instance, string host, CancellationToken ct);

    /// <summary>The instance has none of its volumes any more, and none is deleted with it: it was taken back before it ran.</summary>
    Task ReleaseAsync(string project, string instance, CancellationToken ct);
}

/// <summary>A volume.</summary>
/// <param name="Status">As the API says it: <c>available</c>, <c>attached</c>, …</param>
/// <param name="StatusReason">Why it failed, or why what was asked last was not done.</param>
/// <param name="Host">The host that holds its bytes; null before one was chosen.</param>
/// <param name="Instance">The instance that has it, is to get it or lets go of it; null for none.</param>
public sealed record BlockVolume(
    string Id, string Name, string Status, string? StatusReason, long SizeBytes, string? Host, string? Instance)
{
    public const string Available = "available";

    public const string Attached = "attached";

    public const string Resizing = "resizing";

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();
}

/// <summary>A volume as an instance has it.</summary>
public sealed record AttachedBlockVolume(BlockVolume Volume, bool ReadOnly, bool DeleteOnTermination);

/// <summary>A volume to make: blank, or as a snapshot or a volume of the project.</summary>
/// <param name="SizeBytes">1 MiB to 16 TiB; null for that of its source.</param>
/// <param name="Snapshot">The id of the snapshot whose bytes it starts with.</param>
/// <param name="Volume">The id of the volume whose bytes it starts with.</param>
public sealed record NewBlockVolume(
    string Project, string Name, long? SizeBytes, string? Snapshot = null, string? Volume = null,
    IReadOnlyDictionary<string, string>? Labels = null)
{
    /// <summary>It is blank, raw, and of type <c>log</c>: no copies are made of it while an instance has it.</summary>
    public bool IsLog { get; init; }

    /// <summary>The host on which it is to lie where it is blank; null for any.</summary>
    public string? Host { get; init; }
}

/// <summary>A snapshot.</summary>
/// <param name="Status"><c>creating</c>, <c>available</c>, <c>deleting</c> or <c>failed</c>.</param>
/// <param name="Volume">The id of the volume that it is of; that may be gone.</param>
/// <param name="FileSystemsFrozen">The guest had written everything down when it was taken.</param>
public sealed record BlockSnapshot(
    string Id, string Name, string Status, string? StatusReason, string Volume, long SizeBytes, bool FileSystemsFrozen);

/// <summary>Extents in the order of their offsets.</summary>
/// <param name="NextOffset">Where the next page starts; null after the last.</param>
public sealed record BlockExtents(IReadOnlyList<BlockExtent> Extents, long? NextOffset);

/// <summary>Bytes that lie together, in whole blocks of 64 KiB.</summary>
public sealed record BlockExtent(long Offset, long LengthBytes);

/// <summary>An instance that shall have a volume.</summary>
/// <param name="Volume">Its id or name.</param>
/// <param name="DeleteOnTermination">It is deleted with the instance.</param>
public sealed record BlockAttachment(string Project, string Volume, string Instance, bool ReadOnly, bool DeleteOnTermination);
