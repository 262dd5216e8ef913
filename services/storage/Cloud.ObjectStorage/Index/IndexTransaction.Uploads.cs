using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;

namespace Cloud.ObjectStorage.Index;

/// <summary>
/// Multipart uploads. Their parts take from the project's quota as they come, so that no disk fills with what nobody completes; a bucket's
/// usage is that of its objects.
/// </summary>
internal sealed partial class IndexTransaction
{
    public async Task<string> BeginUploadAsync(MultipartUpload upload)
    {
        await RequireBucketAsync(upload.Bucket);
        await ExecuteAsync(
            """
            INSERT INTO "Uploads" ("Id", "Bucket", "Key", "Owner", "CreatedAt", "Attributes", "Retention", "RetainUntil", "LegalHold")
            VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6, @p7, @p8)
            """,
            upload.Id, upload.Bucket, upload.Key, upload.Owner, upload.CreatedAt, upload.Attributes, (int)upload.Retention,
            upload.RetainUntil, upload.LegalHold);
        return upload.Id;
    }

    /// <summary>Keeps a part; one of the same number gives way.</summary>
    public async Task<bool> PutPartAsync(string bucket, string key, Part part)
    {
        var state = await LockUploadAsync(bucket, key, part.Upload);
        var old = await session.FirstAsync(
            $"""SELECT {IndexSession.PartColumns} FROM "Parts" WHERE "Upload" = @p0 AND "Number" = @p1""", IndexSession.ReadPart,
            CancellationToken.None, part.Upload, part.Number);
        if (old?.Blob is not null && old.Blob == part.Blob)
        {
            // As in PutAsync: it is done.
            return true;
        }

        await ReserveAsync(state, part.SizeBytes - (old?.SizeBytes ?? 0));
        await FreeAsync(old?.Blob);
        await ExecuteAsync(
            """
            INSERT INTO "Parts" ("Upload", "Number", "Blob", "SizeBytes", "Offset", "ETag", "Checksums", "ModifiedAt")
            VALUES (@p0, @p1, @p2, @p3, -1, @p4, @p5, @p6)
            ON CONFLICT ("Upload", "Number") DO UPDATE SET "Blob" = excluded."Blob", "SizeBytes" = excluded."SizeBytes",
                "ETag" = excluded."ETag", "Checksums" = excluded."Checksums", "ModifiedAt" = excluded."ModifiedAt"
            """,
            part.Upload, part.Number, part.Blob, part.SizeBytes, part.ETag, part.Checksums, part.ModifiedAt);
        return true;
    }

    /// <summary>Makes the chosen parts an object; the others go.</summary>
    /// <param name="chosen">In the order of their numbers, as they were read.</param>
    public async Task<ObjectVersion> CompleteUploadAsync(NewObject made, IReadOnlyList<Part> chosen)
    {
        var upload = made.Upload!;
        await LockUploadAsync(made.Bucket, made.Key, upload);
        var parts = (await session.PartsAsync(upload, 0, Part.NumberMax, CancellationToken.None)).ToDictionary(part => part.Number);
        if (chosen.Any(part => !parts.TryGetValue(part.Number, out var now) || now.Blob != part.Blob))
        {
            throw S3Error.InvalidPart.With("A part was uploaded anew meanwhile.");
        }

        var version = await PutAsync(made, parts.Values.Sum(part => part.SizeBytes));
        await ExecuteAsync("""DELETE FROM "Uploads" WHERE "Id" = @p0""", upload);
        var offset = 0L;
        foreach (var part in chosen)
        {
            await ExecuteAsync(
                """UPDATE "Parts" SET "Offset" = @p2 WHERE "Upload" = @p0 AND "Number" = @p1""", upload, part.Number, offset);
            offset += part.SizeBytes;
            parts.Remove(part.Number);
        }

        foreach (var part in parts.Values)
        {
            await FreeAsync(part.Blob);
            await ExecuteAsync("""DELETE FROM "Parts" WHERE "Upload" = @p0 AND "Number" = @p1""", upload, part.Number);
        }

        return version;
    }

    public async Task<bool> AbortUploadAsync(string bucket, string key, string upload)
    {
        var state = await LockUploadAsync(bucket, key, upload);
        var held = await session.ScalarAsync<long>(
            """SELECT SUM("SizeBytes") FROM "Parts" WHERE "Upload" = @p0""", CancellationToken.None, upload);
        await ReserveAsync(state, -held);
        await ExecuteAsync("""DELETE FROM "Uploads" WHERE "Id" = @p0""", upload);

        // Of what is no object nobody reads.
        await FreePartsAsync(upload, TimeSpan.Zero);
        return true;
    }

    /// <summary>PostgreSQL: a part is not put by one replica while another completes the upload.</summary>
    private async Task<BucketState> LockUploadAsync(string bucket, string key, string upload)
    {
        var state = await RequireBucketAsync(bucket);
        var found = await session.ScalarAsync<string>(
            session.IsPostgres
                ? """SELECT "Id" FROM "Uploads" WHERE "Id" = @p0 AND "Bucket" = @p1 AND "Key" = @p2 FOR UPDATE"""
                : """SELECT "Id" FROM "Uploads" WHERE "Id" = @p0 AND "Bucket" = @p1 AND "Key" = @p2""",
            CancellationToken.None, upload, bucket, key);
        return found is null ? throw S3Error.NoSuchUpload.With(null, ("UploadId", upload)) : state;
    }
}
