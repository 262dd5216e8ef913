using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;

namespace Cloud.ObjectStorage.Index;

/// <summary>Look-ups in the index.</summary>
internal static class IndexQueries
{
    private const string OneVersion = $"""SELECT {IndexSession.VersionColumns} FROM "Objects" WHERE "Bucket" = @p0 AND "Key" = @p1""";

    private const string OneVersionWithBytes =
        $"""
        SELECT {IndexSession.VersionColumns},
            (SELECT small."Bytes" FROM "SmallBlobs" small WHERE small."Blob" = "Objects"."Blob")
        FROM "Objects" WHERE "Bucket" = @p0 AND "Key" = @p1
        """;

    public static Task<ObjectVersion?> LatestAsync(
        this IndexSession session, string bucket, string key, CancellationToken ct, bool withBytes = false) =>
        session.FirstAsync(
            withBytes ? $"""{OneVersionWithBytes} AND "IsLatest" = TRUE""" : $"""{OneVersion} AND "IsLatest" = TRUE""",
            IndexSession.ReadVersion, ct, bucket, key);

    /// <returns>Null where there is no such version.</returns>
    public static async Task<ObjectVersion?> FindVersionAsync(
        this IndexSession session, string bucket, string key, string versionId, CancellationToken ct, bool withBytes = false)
    {
        var one = withBytes ? OneVersionWithBytes : OneVersion;
        if (versionId == ObjectVersion.NullVersion)
        {
            return await session.FirstAsync($"""{one} AND "VersionId" = 'null'""", IndexSession.ReadVersion, ct, bucket, key);
        }

        if (!VersionIds.TryReadRank(versionId, out var rank))
        {
            return null;
        }

        var version = await session.FirstAsync(
            $"""{one} AND "Rank" = @p2""", IndexSession.ReadVersion, ct, bucket, key, rank);
        return version?.VersionId == versionId ? version : null;
    }

    /// <summary>By id, the upload that is under way for this key.</summary>
    /// <exception cref="S3Exception">There is none.</exception>
    public static async Task<MultipartUpload> RequireUploadAsync(
        this IndexSession session, string bucket, string key, string id, CancellationToken ct) =>
        await session.FirstAsync(
            $"""SELECT {IndexSession.UploadColumns} FROM "Uploads" WHERE "Id" = @p0 AND "Bucket" = @p1 AND "Key" = @p2""",
            IndexSession.ReadUpload, ct, id, bucket, key) ?? throw S3Error.NoSuchUpload.With(null, ("UploadId", id));

    /// <summary>Parts by number, after the one named.</summary>
    public static Task<List<Part>> PartsAsync(this IndexSession session, string upload, int after, int max, CancellationToken ct) =>
        session.ListAsync(
            $"""SELECT {IndexSession.PartColumns} FROM "Parts" WHERE "Upload" = @p0 AND "Number" > @p1 ORDER BY "Number" LIMIT @p2""",
            IndexSession.ReadPart, ct, upload, after, max);
}
