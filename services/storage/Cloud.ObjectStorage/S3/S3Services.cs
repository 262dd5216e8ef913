using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3.Logging;
using Cloud.ObjectStorage.S3.Signing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.S3;

/// <summary>What the operations of S3 work with.</summary>
internal sealed class S3Services(
    BucketStore buckets, BucketLife bucketLife, IndexReads reads, IndexWriter writer, ObjectStore objects, BlobStore blobs,
    BlobReceiver receiver, BlobReader reader, ObjectKeys keys, IDbContextFactory<ObjectStorageDbContext> databases,
    SignatureVerifier signatures, OwnerNames names, AccessLogs accessLogs, IOptions<ObjectStorageOptions> options, TimeProvider time)
{
    public IDbContextFactory<ObjectStorageDbContext> Databases => databases;

    public BucketStore Buckets => buckets;

    public BucketLife BucketLife => bucketLife;

    public IndexReads Reads => reads;

    public IndexWriter Writer => writer;

    public ObjectStore Objects => objects;

    public BlobStore Blobs => blobs;

    public BlobReceiver Receiver => receiver;

    public BlobReader Reader => reader;

    public ObjectKeys Keys => keys;

    public SignatureVerifier Signatures => signatures;

    public OwnerNames Names => names;

    public TimeProvider Time => time;

    public IReadOnlyList<string> HostNames => options.Value.HostNames;

    public IReadOnlyList<string> WebsiteHostNames => options.Value.WebsiteHostNames;

    public AccessLogs AccessLogs => accessLogs;

    /// <summary>The newest version of a key, or the one that is named; null where there is none.</summary>
    public Task<ObjectVersion?> FindAsync(Bucket bucket, string key, string? versionId, CancellationToken ct) => reads.ReadAsync(
        session => versionId is null
            ? session.LatestAsync(bucket.Id.Value, key, ct)
            : session.FindVersionAsync(bucket.Id.Value, key, versionId, ct),
        ct);
}
