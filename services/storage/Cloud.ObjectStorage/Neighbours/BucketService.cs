using System.IO.Pipelines;
using System.Text.Json;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Contracts;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Neighbours;

/// <summary>What backups ask of users' buckets.</summary>
internal sealed class BucketService(
    IDbContextFactory<ObjectStorageDbContext> databases, BucketLife life, BucketStore known, ObjectStore objects, ObjectKeys keys,
    BlobReader reader, IndexReads reads, IndexWriter writer) : IBuckets
{
    /// <summary>A label of a bucket that is being filled: what for.</summary>
    private const string MadeFor = "made-for";

    private const int PageMax = 1000;

    public async Task<StoredBucket?> FindAsync(string project, string bucket, CancellationToken ct) =>
        await FindRowAsync(project, bucket, ct) is { } row ? ToStored(row) : null;

    public async Task<IReadOnlyList<string>> ListAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Buckets.AsNoTracking().Where(row => row.Project == project && !row.Deleted);
        foreach (var (key, value) in labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(row => row.LabelText.Contains(line));
        }

        return (await rows.OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct)).Select(id => id.Value).ToList();
    }

    public async Task<VersionPage> ListVersionsAsync(string bucketId, VersionPlace? after, CancellationToken ct)
    {
        await RequireAsync(bucketId, ct);
        var query = new ListingQuery(bucketId, "", "", after?.Key ?? "", after?.Rank, PageMax);
        var page = await reads.ReadAsync(session => Listing.VersionsAsync(session, query, ct), ct);
        return new VersionPage(
            page.Versions.Select(ToStored).ToList(), page.Next is { } next ? new VersionPlace(next, page.NextRank) : null);
    }

    public async Task<Stream?> ReadAsync(string bucketId, string key, string versionId, CancellationToken ct)
    {
        var bucket = await RequireAsync(bucketId, ct);
        OpenObject? found;
        try
        {
            found = await objects.OpenAsync(bucket, key, versionId, withBytes: true, ct);
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }

        if (found is null or { Version.IsDeleteMarker: true })
        {
            found?.Dispose();
            return null;
        }

        var pipe = new Pipe();
        _ = SendAsync(found, pipe.Writer, ct);
        return pipe.Reader.AsStream();
    }

    public async Task<StoredBucket> CreateAsync(string project, string projectName, string name, string owner, CancellationToken ct)
    {
        if (await FindRowAsync(project, name, ct) is { } there && there.Labels.Any(label => label.Key == MadeFor && label.Value == owner))
        {
            return ToStored(there);
        }

        if (!BucketName.IsValid(name))
        {
            throw CloudException.Invalid("name", "Expected a bucket's name: 3 to 63 of lower-case letters, digits, '-' and '.'.");
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        var labels = new Labels(new Dictionary<string, string> { [MadeFor] = owner });
        var asked = new NewBucket(project, projectName, name) { Labels = labels, Versioning = Versioning.Enabled };
        return ToStored(await life.CreateAsync(db, asked, ct));
    }

    public async Task WriteAsync(string bucketId, StoredVersion version, Stream content, CancellationToken ct)
    {
        var bucket = await RequireAsync(bucketId, ct);
        var latest = await reads.ReadAsync(session => session.LatestAsync(bucketId, version.Key, ct), ct);
        if (latest is not null && latest.ModifiedAt == version.ModifiedAt && latest.ETag == version.ETag
            && latest.IsDeleteMarker == version.IsDeleteMarker)
        {
            return;
        }

        var restored = new RestoredObject(version.ETag, version.ModifiedAt, version.VersionId == ObjectVersion.NullVersion);
        if (version.IsDeleteMarker)
        {
            await writer.WriteAsync(
                index => index.DeleteAsync(bucketId, version.Key, bucket.Project, DeleteConditions.None, restored: restored), ct);
            return;
        }

        var encryption = version.IsEncrypted ? keys.New(null) : null;
        using var cipher = keys.Open(encryption, null);
        await using var payload = PayloadStream.Of(content, version.SizeBytes);
        var asked = new NewObject
        {
            Bucket = bucketId,
            Key = ObjectCall.RequireKey(version.Key),
            SizeBytes = 0,
            ETag = "",
            Owner = bucket.Project,
            Attributes = "",
            Retention = (RetentionMode)version.Retention,
            RetainUntil = version.RetainUntil,
            LegalHold = version.LegalHold,
            Restored = restored,
        };
        try
        {
            await objects.PutAsync(
                asked, ObjectAttributes.FromJson(version.Attributes) with { Encryption = encryption }, payload, cipher, ct);
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }
    }

    public async Task FinishAsync(string bucketId, StoredBucket like, CancellationToken ct)
    {
        await EndFillingAsync(bucketId, Enum.Parse<Versioning>(like.Versioning), ct);
        await known.ChangeAsync(await RequireAsync(bucketId, ct), (row, now) =>
        {
            row.Configure(JsonSerializer.Deserialize<BucketSettings>(like.Settings, JsonSerializerOptions.Web)!, now);
            row.Relabel(new Labels(like.Labels), now);
        }, ct);
    }

    public async Task ReplaceAsync(string bucketId, string withBucketId, string versioning, CancellationToken ct)
    {
        var bucket = await RequireAsync(bucketId, ct);
        await RequireAsync(withBucketId, ct);
        await foreach (var version in VersionsAsync(bucketId, ct))
        {
            if (version.LegalHold || version.Retention != (int)RetentionMode.None)
            {
                throw CloudException.Conflict("object-lock", $"Object lock keeps versions of bucket '{bucket.Name}'.");
            }
        }

        await ClearAsync(bucketId, ct);
        await known.ChangeAsync(bucket, (row, now) => row.SetVersioning(Versioning.Enabled, now), ct);
        await foreach (var ofKey in OldestFirstAsync(withBucketId, ct))
        {
            foreach (var version in ofKey.Where(one => one.IsReadable))
            {
                await using var content = version.IsDeleteMarker
                    ? Stream.Null
                    : await ReadAsync(withBucketId, version.Key, version.VersionId, ct)
                        ?? throw CloudException.NotFound("object", version.Key);
                await WriteAsync(bucketId, version, content, ct);
            }
        }

        await EndFillingAsync(bucketId, Enum.Parse<Versioning>(versioning), ct);
    }

    public async Task DeleteAsync(string project, string bucket, CancellationToken ct)
    {
        if (await FindRowAsync(project, bucket, ct) is { } row)
        {
            await ClearAsync(row.Id.Value, ct);
            await using var db = await databases.CreateDbContextAsync(ct);
            await life.DeleteAsync(db, row.Id, null, ct);
        }
    }

    /// <summary>A bucket is filled with versioning, so that each version finds its place.</summary>
    private async Task EndFillingAsync(string bucketId, Versioning versioning, CancellationToken ct)
    {
        var hasVersions = versioning != Versioning.Off
            || await VersionsAsync(bucketId, ct).AnyAsync(one => one.VersionId != ObjectVersion.NullVersion, ct);
        await known.ChangeAsync(await RequireAsync(bucketId, ct), (row, now) =>
        {
            if (hasVersions)
            {
                row.SetVersioning(versioning, now);
            }
            else
            {
                row.NeverHadVersions(now);
            }
        }, ct);
    }

    private async Task ClearAsync(string bucketId, CancellationToken ct)
    {
        try
        {
            while (await ListVersionsAsync(bucketId, null, ct) is { Versions.Count: > 0 } page)
            {
                foreach (var version in page.Versions)
                {
                    await writer.WriteAsync(
                        index => index.DeleteVersionAsync(bucketId, version.Key, version.VersionId, false, DeleteConditions.None), ct);
                }
            }
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }
    }

    private async IAsyncEnumerable<StoredVersion> VersionsAsync(
        string bucketId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        VersionPlace? after = null;
        do
        {
            var page = await ListVersionsAsync(bucketId, after, ct);
            foreach (var version in page.Versions)
            {
                yield return version;
            }

            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>The versions of each key, in the order in which they were written.</summary>
    private async IAsyncEnumerable<IReadOnlyList<StoredVersion>> OldestFirstAsync(
        string bucketId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var ofKey = new List<StoredVersion>();
        await foreach (var version in VersionsAsync(bucketId, ct))
        {
            if (ofKey.Count > 0 && ofKey[0].Key != version.Key)
            {
                yield return ofKey;
                ofKey = [];
            }

            ofKey.Insert(0, version);
        }

        if (ofKey.Count > 0)
        {
            yield return ofKey;
        }
    }

    /// <summary>Whatever ends it, the reader is told.</summary>
    private async Task SendAsync(OpenObject found, PipeWriter to, CancellationToken ct)
    {
        try
        {
            using (found)
            {
                using var cipher = keys.Open(found.Attributes.Encryption, null);
                await found.SendAsync(reader, cipher, 0, found.Version.SizeBytes, to, ct);
            }

            await to.CompleteAsync();
        }
        catch (Exception failed)
        {
            await to.CompleteAsync(failed);
        }
    }

    private async Task<Bucket?> FindRowAsync(string project, string bucket, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Buckets.AsNoTracking().Where(row => row.Project == project && !row.Deleted);
        return BucketId.TryParse(bucket, out var id)
            ? await rows.SingleOrDefaultAsync(row => row.Id == id, ct)
            : await rows.SingleOrDefaultAsync(row => row.Name == bucket, ct);
    }

    private async Task<Bucket> RequireAsync(string bucketId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return BucketId.TryParse(bucketId, out var id)
            && await db.Buckets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id && !row.Deleted, ct) is { } found
            ? found
            : throw CloudException.NotFound("bucket", bucketId);
    }

    private static StoredBucket ToStored(Bucket row) => new(
        row.Id.Value, row.Name, row.ProjectName, row.Versioning.ToString(),
        JsonSerializer.Serialize(row.Settings, JsonSerializerOptions.Web), row.Labels.ToDictionary(StringComparer.Ordinal));

    private static StoredVersion ToStored(ObjectVersion version)
    {
        var attributes = ObjectAttributes.FromJson(version.Attributes);
        return new StoredVersion(
            version.Key, version.Rank, version.VersionId, version.IsDeleteMarker, version.SizeBytes, version.ETag, version.ModifiedAt,
            (attributes with { Encryption = null, PartsCount = null }).ToJson(), (int)version.Retention, version.RetainUntil,
            version.LegalHold, attributes.Encryption is not null, attributes.Encryption?.CustomerKeyMd5 is null);
    }
}
