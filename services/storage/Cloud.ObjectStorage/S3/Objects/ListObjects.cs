using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>What all lists of keys have in common.</summary>
internal sealed record KeyListing(Bucket Bucket, string Prefix, string Delimiter, int Max, bool Encoded)
{
    private const int KeysMax = 1000;

    public static async Task<KeyListing> ReadAsync(S3Request request, string action, string maxParameter = "max-keys")
    {
        var bucket = await request.RequireBucketAsync(action, AclPermission.Read);
        var encoding = request.Query["encoding-type"];
        if (encoding is not (null or "" or "url"))
        {
            throw S3Error.InvalidArgument.With(
                "Invalid Encoding Method specified in Request", ("ArgumentName", "encoding-type"), ("ArgumentValue", encoding));
        }

        return new KeyListing(
            bucket, request.Query["prefix"] ?? "", request.Query["delimiter"] ?? "",
            request.Query.Number(maxParameter, 0, KeysMax, KeysMax), encoding == "url");
    }

    public ListingQuery From(string after, long? rank = null) => new(Bucket.Id.Value, Prefix, Delimiter, after, rank, Max);

    /// <summary>XML cannot hold every character that a key can.</summary>
    public string Text(string key) => Encoded ? S3Uri.Encode(key, keepSlash: true) : key;

    /// <param name="plainPrefix">Of the older list it comes back as it is.</param>
    public void WriteHead(S3Xml xml, string max = "MaxKeys", bool plainPrefix = false) => xml
        .Element("Prefix", plainPrefix ? Prefix : Text(Prefix)).Optional("Delimiter", Delimiter.Length == 0 ? null
            : Text(Delimiter)).Element(max, Max)
        .Optional("EncodingType", Encoded ? "url" : null);

    public void WritePrefixes(S3Xml xml, IReadOnlyList<string> prefixes)
    {
        foreach (var prefix in prefixes)
        {
            xml.Open("CommonPrefixes").Element("Prefix", Text(prefix)).Close("CommonPrefixes");
        }
    }

    public void WriteObject(S3Xml xml, ObjectVersion version, S3Request? owner)
    {
        xml.Open("Contents").Element("Key", Text(version.Key)).Time("LastModified", version.ModifiedAt)
            .Element("ETag", $"\"{version.ETag}\"").Element("Size", version.SizeBytes);
        var attributes = ObjectAttributes.FromJson(version.Attributes);
        foreach (var name in attributes.Checksums?.Keys ?? Enumerable.Empty<string>())
        {
            xml.Element("ChecksumAlgorithm", name).Element("ChecksumType", attributes.ChecksumType ?? ChecksumTypes.FullObject);
        }

        xml.Element("StorageClass", attributes.StorageClass ?? "STANDARD");
        if (owner is not null)
        {
            WriteOwner(xml, version.Owner, owner);
        }

        xml.Close("Contents");
    }

    public void WriteOwner(S3Xml xml, string owner, S3Request request)
    {
        var id = owner.Length == 0 ? Bucket.Project : owner;
        xml.Open("Owner").Element("ID", id).Element("DisplayName", request.NameOf(id)).Close("Owner");
    }
}

/// <summary><c>ListObjects</c>, the older of the two.</summary>
internal static class ListObjects
{
    public static async Task HandleAsync(S3Request request)
    {
        var list = await KeyListing.ReadAsync(request, "s3:ListBucket");
        var marker = request.Query["marker"] ?? "";
        var page = await request.Services.Reads.ReadAsync(
            session => Listing.CurrentAsync(session, list.From(marker), request.Aborted), request.Aborted);
        var xml = new S3Xml().OpenRoot("ListBucketResult").Element("Name", list.Bucket.Name).Element("Marker", list.Text(marker));
        list.WriteHead(xml, plainPrefix: true);
        xml.Element("IsTruncated", page.Next is not null);
        if (page.Next is not null)
        {
            xml.Element("NextMarker", list.Text(page.Next));
        }

        foreach (var version in page.Versions)
        {
            list.WriteObject(xml, version, request);
        }

        list.WritePrefixes(xml, page.CommonPrefixes);
        await request.AnswerAsync(xml.Close("ListBucketResult"));
    }
}

/// <summary><c>ListObjectsV2</c>.</summary>
internal static class ListObjectsV2
{
    public static async Task HandleAsync(S3Request request)
    {
        var list = await KeyListing.ReadAsync(request, "s3:ListBucket");
        var token = request.Query["continuation-token"];
        var start = request.Query["start-after"];
        var owner = request.Query["fetch-owner"] == "true" ? request : null;
        var after = Cursor.Read(token)?.Key ?? start ?? "";
        var page = await request.Services.Reads.ReadAsync(
            session => Listing.CurrentAsync(session, list.From(after), request.Aborted), request.Aborted);
        var xml = new S3Xml().OpenRoot("ListBucketResult").Element("Name", list.Bucket.Name);
        list.WriteHead(xml);
        xml.Element("KeyCount", page.Versions.Count + page.CommonPrefixes.Count).Element("IsTruncated", page.Next is not null)
            .Optional("ContinuationToken", token).Optional("StartAfter", start is null ? null : list.Text(start));
        if (page.Next is not null)
        {
            xml.Element("NextContinuationToken", Cursor.Write(page.Next, null));
        }

        foreach (var version in page.Versions)
        {
            list.WriteObject(xml, version, owner);
        }

        list.WritePrefixes(xml, page.CommonPrefixes);
        await request.AnswerAsync(xml.Close("ListBucketResult"));
    }
}

/// <summary><c>ListObjectVersions</c>: all versions and delete markers, the newest of a key first.</summary>
internal static class ListObjectVersions
{
    public static async Task HandleAsync(S3Request request)
    {
        var list = await KeyListing.ReadAsync(request, "s3:ListBucketVersions");
        var keyMarker = request.Query["key-marker"] ?? "";
        var versionMarker = request.Query["version-id-marker"] ?? "";
        long? rank = null;
        if (versionMarker.Length > 0)
        {
            if (keyMarker.Length == 0)
            {
                throw S3Error.InvalidArgument.With("A version-id marker cannot be specified without a key marker.");
            }

            rank = await RankAsync(request, list.Bucket, keyMarker, versionMarker);
        }

        var page = await request.Services.Reads.ReadAsync(
            session => Listing.VersionsAsync(session, list.From(keyMarker, rank), request.Aborted), request.Aborted);
        var xml = new S3Xml().OpenRoot("ListVersionsResult").Element("Name", list.Bucket.Name).Element("KeyMarker", list.Text(keyMarker))
            .Element("VersionIdMarker", versionMarker);
        list.WriteHead(xml);
        xml.Element("IsTruncated", page.Next is not null);
        if (page.Next is not null)
        {
            xml.Element("NextKeyMarker", list.Text(page.Next))
                .Optional("NextVersionIdMarker", page.NextRank is null ? null : page.Versions[^1].VersionId);
        }

        foreach (var version in page.Versions)
        {
            Write(request, xml, list, version);
        }

        list.WritePrefixes(xml, page.CommonPrefixes);
        await request.AnswerAsync(xml.Close("ListVersionsResult"));
    }

    private static async Task<long?> RankAsync(S3Request request, Bucket bucket, string key, string versionId)
    {
        if (VersionIds.TryReadRank(versionId, out var rank))
        {
            return rank;
        }

        return versionId == ObjectVersion.NullVersion
            ? (await request.Services.FindAsync(bucket, key, versionId, request.Aborted))?.Rank
            : throw S3Error.InvalidArgument.With("Invalid version id specified", ("ArgumentName", "version-id-marker"));
    }

    private static void Write(S3Request request, S3Xml xml, KeyListing list, ObjectVersion version)
    {
        var name = version.IsDeleteMarker ? "DeleteMarker" : "Version";
        xml.Open(name).Element("Key", list.Text(version.Key)).Element("VersionId", version.VersionId)
            .Element("IsLatest", version.IsLatest).Time("LastModified", version.ModifiedAt);
        if (!version.IsDeleteMarker)
        {
            xml.Element("ETag", $"\"{version.ETag}\"").Element("Size", version.SizeBytes)
                .Element("StorageClass", ObjectAttributes.FromJson(version.Attributes).StorageClass ?? "STANDARD");
        }

        list.WriteOwner(xml, version.Owner, request);
        xml.Close(name);
    }
}
