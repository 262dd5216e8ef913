using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Objects;

namespace Cloud.ObjectStorage.S3.Multipart;

/// <summary><c>ListParts</c>.</summary>
internal static class ListParts
{
    private const int PartsMax = 1000;

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:ListMultipartUploadParts", AclPermission.Write);
        var upload = await UploadPart.RequireUploadAsync(request, bucket);
        var max = request.Query.Number("max-parts", 0, PartsMax, PartsMax);
        var marker = request.Query.Number("part-number-marker", 0, int.MaxValue, 0);
        var parts = await request.Services.Reads.ReadAsync(
            session => session.PartsAsync(upload.Id, marker, max + 1, request.Aborted), request.Aborted);
        var attributes = ObjectAttributes.FromJson(upload.Attributes);
        var xml = new S3Xml().OpenRoot("ListPartsResult").Element("Bucket", bucket.Name).Element("Key", upload.Key)
            .Element("UploadId", upload.Id).Open("Initiator").Element("ID", upload.Owner)
            .Element("DisplayName", request.NameOf(upload.Owner)).Close("Initiator").Open("Owner").Element("ID", upload.Owner)
            .Element("DisplayName", request.NameOf(upload.Owner)).Close("Owner")
            .Element("StorageClass", attributes.StorageClass ?? "STANDARD").Element("PartNumberMarker", marker)
            .Element("NextPartNumberMarker", parts.Count == 0 || max == 0 ? 0 : parts[Math.Min(max, parts.Count) - 1].Number)
            .Element("MaxParts", max).Element("IsTruncated", parts.Count > max)
            .Optional("ChecksumAlgorithm", attributes.Checksums?.Keys.FirstOrDefault()).Optional("ChecksumType", attributes.ChecksumType);
        foreach (var part in parts.Take(max))
        {
            xml.Open("Part").Element("PartNumber", part.Number).Time("LastModified", part.ModifiedAt).Element("ETag", $"\"{part.ETag}\"")
                .Element("Size", part.SizeBytes);
            PartChecksums.Write(xml, part);
            xml.Close("Part");
        }

        await request.AnswerAsync(xml.Close("ListPartsResult"));
    }
}

/// <summary><c>AbortMultipartUpload</c>.</summary>
internal static class AbortMultipartUpload
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(
            request, bucket, new AccessQuestion("s3:AbortMultipartUpload", request.Key, AclPermission.Write, bucket.Settings.Grants));
        var id = request.Query["uploadId"] ?? "";
        await request.Services.Writer.WriteAsync(index => index.AbortUploadAsync(bucket.Id.Value, request.Key!, id), request.Aborted);
        await request.AnswerAsync(StatusCodes.Status204NoContent);
    }
}

/// <summary><c>ListMultipartUploads</c>: those under way, by key and then by age.</summary>
internal static class ListMultipartUploads
{
    public static async Task HandleAsync(S3Request request)
    {
        var list = await KeyListing.ReadAsync(request, "s3:ListBucketMultipartUploads", "max-uploads");
        var keyMarker = request.Query["key-marker"] ?? "";
        var idMarker = request.Query["upload-id-marker"] ?? "";
        var uploads = new List<MultipartUpload>();
        var prefixes = new List<string>();
        var (afterKey, afterId) = (keyMarker, keyMarker.Length == 0 ? "" : idMarker);
        (string Key, string Id)? next = null;
        var more = list.Max > 0;
        while (more)
        {
            var batch = await BatchAsync(request, list, afterKey, afterId);
            more = batch.Count == BatchMax;
            foreach (var upload in batch)
            {
                (afterKey, afterId) = (upload.Key, upload.Id);
                var at = list.Delimiter.Length == 0 ? -1 : upload.Key.IndexOf(list.Delimiter, list.Prefix.Length, StringComparison.Ordinal);
                var prefix = at < 0 ? null : upload.Key[..(at + list.Delimiter.Length)];
                if (prefix is not null && (prefixes.LastOrDefault() == prefix || keyMarker == prefix))
                {
                    continue;
                }

                if (uploads.Count + prefixes.Count == list.Max)
                {
                    await AnswerAsync(request, list, keyMarker, idMarker, uploads, prefixes, next);
                    return;
                }

                if (prefix is not null)
                {
                    prefixes.Add(prefix);
                    next = (prefix, "");
                }
                else
                {
                    uploads.Add(upload);
                    next = (upload.Key, upload.Id);
                }
            }
        }

        await AnswerAsync(request, list, keyMarker, idMarker, uploads, prefixes, null);
    }

    private const int BatchMax = 1000;

    private static Task<List<MultipartUpload>> BatchAsync(S3Request request, KeyListing list, string afterKey, string afterId)
    {
        var end = Listing.After(list.Prefix);
        var from = afterId.Length > 0 ? """ ("Key", "Id") > (@p1, @p2) """ : """ "Key" > @p1 AND @p2 = '' """;
        return request.Services.Reads.ReadAsync(
            session => session.ListAsync(
                $"""
                SELECT {IndexSession.UploadColumns} FROM "Uploads" WHERE "Bucket" = @p0 AND {from} AND "Key" >= @p3
                    {(end is null ? "AND @p4 = ''" : "AND \"Key\" < @p4")}
                ORDER BY "Key", "Id" LIMIT @p5
                """,
                IndexSession.ReadUpload, request.Aborted, list.Bucket.Id.Value, afterKey, afterId, list.Prefix, end ?? "", BatchMax),
            request.Aborted);
    }

    private static Task AnswerAsync(
        S3Request request, KeyListing list, string keyMarker, string idMarker, List<MultipartUpload> uploads, List<string> prefixes,
        (string Key, string Id)? next)
    {
        var xml = new S3Xml().OpenRoot("ListMultipartUploadsResult").Element("Bucket", list.Bucket.Name)
            .Element("KeyMarker", list.Text(keyMarker)).Element("UploadIdMarker", idMarker);
        list.WriteHead(xml, "MaxUploads");
        xml.Element("NextKeyMarker", list.Text(next?.Key ?? "")).Element("NextUploadIdMarker", next?.Id ?? "")
            .Element("IsTruncated", next is not null);
        foreach (var upload in uploads)
        {
            var attributes = ObjectAttributes.FromJson(upload.Attributes);
            xml.Open("Upload").Element("Key", list.Text(upload.Key)).Element("UploadId", upload.Id)
                .Open("Initiator").Element("ID", upload.Owner).Element("DisplayName", request.NameOf(upload.Owner)).Close("Initiator");
            list.WriteOwner(xml, upload.Owner, request);
            xml.Element("StorageClass", attributes.StorageClass ?? "STANDARD").Time("Initiated", upload.CreatedAt)
                .Optional("ChecksumAlgorithm", attributes.Checksums?.Keys.FirstOrDefault()).Optional("ChecksumType",
                    attributes.ChecksumType)
                .Close("Upload");
        }

        list.WritePrefixes(xml, prefixes);
        return request.AnswerAsync(xml.Close("ListMultipartUploadsResult"));
    }
}
