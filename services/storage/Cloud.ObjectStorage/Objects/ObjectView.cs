namespace Cloud.ObjectStorage.Objects;

/// <summary>An object as the API shows it.</summary>
/// <param name="ETag">As S3 shows it, without quotes: the MD5 of an object that was put whole.</param>
/// <param name="VersionId"><c>null</c> (the word) where the bucket keeps no versions.</param>
public sealed record ObjectView(string Key, long SizeBytes, string ETag, string? ContentType, string VersionId, DateTimeOffset UpdatedAt)
{
    internal static ObjectView From(ObjectVersion version) => new(
        version.Key, version.SizeBytes, version.ETag, ObjectAttributes.FromJson(version.Attributes).ContentType, version.VersionId,
        new DateTimeOffset(version.ModifiedAt, TimeSpan.Zero));
}

/// <summary>A page of a bucket's objects.</summary>
/// <param name="CommonPrefixes">With <c>?delimiter=</c>: what stands for all keys that begin with it.</param>
public sealed record ObjectPage(IReadOnlyList<ObjectView> Items, IReadOnlyList<string> CommonPrefixes, string? NextCursor);
