namespace Cloud.ObjectStorage.Contracts;

/// <summary>
/// Users' buckets as the backup service reads and makes them: in this process, or over HTTP (<see cref="HttpBuckets"/>). A refusal is a
/// <c>CloudException</c>.
/// </summary>
public interface IBuckets
{
    /// <summary>A bucket of the project by id or name; null where there is none.</summary>
    Task<StoredBucket?> FindAsync(string project, string bucket, CancellationToken ct);

    /// <summary>The ids of the project's buckets that carry all of these labels.</summary>
    Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct);

    /// <summary>The versions of all objects, in the order of their keys, of one key the newest first.</summary>
    /// <param name="after">Where the page before ended; null for the beginning.</param>
    Task<VersionPage> ListVersionsAsync(string bucketId, VersionPlace? after, CancellationToken ct);

    /// <summary>A version's bytes; null where it is gone. Whoever asks disposes of the stream; one that ends early has failed.</summary>
    Task<Stream?> ReadAsync(string bucketId, string key, string versionId, CancellationToken ct);

    /// <summary>
    /// Makes a bucket that keeps versions, to be filled; one that was made for the same is answered as it is. A name that is taken
    /// otherwise is refused.
    /// </summary>
    /// <param name="owner">What it is made for: it is kept as a label until <see cref="FinishAsync"/>.</param>
    Task<StoredBucket> CreateAsync(string project, string projectName, string name, string owner, CancellationToken ct);

    /// <summary>Writes a version as the newest of its key, and nothing where the newest is that already.</summary>
    Task WriteAsync(string bucketId, StoredVersion version, Stream content, CancellationToken ct);

    /// <summary>Gives a bucket that is filled its settings, versioning and labels.</summary>
    Task FinishAsync(string bucketId, StoredBucket like, CancellationToken ct);

    /// <summary>Has a bucket hold what another holds, all versions. Refused where object lock keeps what it holds now.</summary>
    /// <param name="versioning">The bucket's in the end, as stored; meanwhile it keeps versions, also where this is left off.</param>
    Task ReplaceAsync(string bucketId, string withBucketId, string versioning, CancellationToken ct);

    /// <summary>Removes a bucket with all that it holds; done where there is none.</summary>
    Task DeleteAsync(string project, string bucket, CancellationToken ct);
}

/// <summary>A bucket, with all that its owner has set.</summary>
/// <param name="Versioning">As stored: <c>Off</c>, <c>Enabled</c> or <c>Suspended</c>.</param>
/// <param name="Settings">As the object storage stores them, JSON.</param>
public sealed record StoredBucket(
    string Id, string Name, string ProjectName, string Versioning, string Settings, IReadOnlyDictionary<string, string> Labels);

/// <summary>A version of an object, or a delete marker.</summary>
/// <param name="Rank">Smaller is newer.</param>
/// <param name="ModifiedAt">UTC ticks.</param>
/// <param name="Attributes">Metadata, tags, grants and checksums as the object storage stores them, JSON.</param>
/// <param name="Retention">How firmly it is kept until <paramref name="RetainUntil"/> (UTC ticks); 1 for not.</param>
/// <param name="IsEncrypted">The object storage keeps it encrypted.</param>
/// <param name="IsReadable">False for what only a customer's key opens.</param>
public sealed record StoredVersion(
    string Key, long Rank, string VersionId, bool IsDeleteMarker, long SizeBytes, string ETag, long ModifiedAt, string Attributes,
    int Retention, long RetainUntil, bool LegalHold, bool IsEncrypted, bool IsReadable);

/// <summary>A place in the list of versions: behind this one.</summary>
public sealed record VersionPlace(string Key, long? Rank);

/// <summary>A page of versions.</summary>
/// <param name="Next">Where the next one begins; null after the last.</param>
public sealed record VersionPage(IReadOnlyList<StoredVersion> Versions, VersionPlace? Next);
