using System.IO.Pipelines;
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

namespace Cloud.ObjectStorage.Private;

/// <summary>Buckets of the cloud's own services: of a project that no token belongs to, under names that no user can take.</summary>
internal sealed class PrivateObjects(
    IDbContextFactory<ObjectStorageDbContext> databases, BucketLife life, ObjectStore objects, ObjectKeys keys, BlobReader reader,
    IndexReads reads, IndexWriter writer) : IPrivateObjects
{
    private const string Project = "cloud";
    private const int PageMax = 1000;

    public async Task PutAsync(string bucket, string key, Stream body, CancellationToken ct)
    {
        var row = await FindAsync(bucket, ct) ?? await CreateAsync(bucket, ct);
        var encryption = keys.New(null);
        using var cipher = keys.Open(encryption, null);
        await using var payload = PayloadStream.Of(body, null);
        var asked = new NewObject
        {
            Bucket = row.Id.Value,
            Key = ObjectCall.RequireKey(key),
            SizeBytes = 0,
            ETag = "",
            Owner = Project,
            Attributes = "",
            Conditions = new WriteConditions(null, null),
        };
        try
        {
            await objects.PutAsync(asked, new ObjectAttributes { Encryption = encryption }, payload, cipher, ct);
        }
        catch (S3Exception refusal)
        {
            throw refusal.ToCloud();
        }
    }

    public async Task<Stream?> OpenAsync(string bucket, string key, CancellationToken ct)
    {
        if (await FindObjectAsync(bucket, key, ct) is not { } found)
        {
            return null;
        }

        var pipe = new Pipe();
        _ = SendAsync(found, pipe.Writer, 0, found.Version.SizeBytes, ct);
        return pipe.Reader.AsStream();
    }

    public async Task<byte[]?> ReadAsync(string bucket, string key, long offset, int lengthBytes, CancellationToken ct)
    {
        try
        {
            if (await FindObjectAsync(bucket, key, ct) is not { } found)
            {
                return null;
            }

            var bytes = new byte[Math.Clamp(found.Version.SizeBytes - offset, 0, Math.Max(lengthBytes, 0))];
            var pipe = new Pipe();
            var sending = SendAsync(found, pipe.Writer, offset, bytes.Length, ct);
            await using (var content = pipe.Reader.AsStream())
            {
                await content.ReadExactlyAsync(bytes, ct);
            }

            await sending;
            return bytes;
        }
        catch (Exception lost) when (lost is S3Exception or EndOfStreamException or CloudException { Kind: ErrorKind.Forbidden })
        {
            throw new CloudException(ErrorKind.Conflict, IPrivateObjects.Damaged, $"Object '{key}' is damaged.", lost);
        }
    }

    public async Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct)
    {
        var all = new List<PrivateObject>();
        if (await FindAsync(bucket, ct) is not { } row)
        {
            return all;
        }

        for (string? after = ""; after is not null;)
        {
            var query = new ListingQuery(row.Id.Value, prefix, "", after, null, PageMax);
            var page = await reads.ReadAsync(session => Listing.CurrentAsync(session, query, ct), ct);
            all.AddRange(page.Versions.Select(version => new PrivateObject(version.Key, version.SizeBytes)));
            after = page.Next;
        }

        return all;
    }

    public async Task DeleteAsync(string bucket, string key, CancellationToken ct)
    {
        if (await FindAsync(bucket, ct) is { } row)
        {
            await writer.WriteAsync(index => index.DeleteAsync(row.Id.Value, key, Project, DeleteConditions.None), ct);
        }
    }

    /// <returns>Null where there is none. The caller disposes of it.</returns>
    private async Task<OpenObject?> FindObjectAsync(string bucket, string key, CancellationToken ct)
    {
        if (await FindAsync(bucket, ct) is not { } row)
        {
            return null;
        }

        OpenObject? found;
        try
        {
            found = await objects.OpenAsync(row, key, null, withBytes: true, ct);
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

        return found;
    }

    /// <summary>Whatever ends it, the reader is told.</summary>
    private async Task SendAsync(OpenObject found, PipeWriter to, long offset, long length, CancellationToken ct)
    {
        try
        {
            using (found)
            {
                using var cipher = keys.Open(found.Attributes.Encryption, null);
                await found.SendAsync(reader, cipher, offset, length, to, ct);
            }

            await to.CompleteAsync();
        }
        catch (Exception failed)
        {
            await to.CompleteAsync(failed);
        }
    }

    private async Task<Bucket?> FindAsync(string bucket, CancellationToken ct)
    {
        var name = BucketName.PrivatePrefix + bucket;
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Buckets.AsNoTracking().SingleOrDefaultAsync(row => row.Name == name && row.Project == Project && !row.Deleted, ct);
    }

    private async Task<Bucket> CreateAsync(string bucket, CancellationToken ct)
    {
        var asked = new NewBucket(Project, Project, BucketName.PrivatePrefix + bucket) { Settings = new BucketSettings { Encrypt = true } };
        await using var db = await databases.CreateDbContextAsync(ct);
        try
        {
            return await life.CreateAsync(db, asked, ct);
        }
        catch (CloudException taken) when (taken.Code == "name-taken")
        {
            // Another object came first at this moment.
            return await FindAsync(bucket, ct)
                ?? throw new CloudException(ErrorKind.Unavailable, "bucket-busy", $"The private bucket '{bucket}' is being made.", taken);
        }
    }
}
