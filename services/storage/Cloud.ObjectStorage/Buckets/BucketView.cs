using Cloud.Primitives;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>A bucket as the API shows it.</summary>
/// <param name="Visibility"><c>public</c> where anybody reads the objects with no token.</param>
/// <param name="ObjectCount">All versions of all objects, delete markers included.</param>
/// <param name="SizeBytes">Of all versions.</param>
public sealed record BucketView(
    BucketId Id, string Name, Labels Labels, BucketStatus Status, string? StatusReason, BucketVisibility Visibility, Versioning Versioning,
    long ObjectCount, long SizeBytes, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static BucketView From(Bucket bucket, long objects, long sizeBytes) => new(
        bucket.Id, bucket.Name, bucket.Labels, BucketStatus.Active, null,
        bucket.IsPublic ? BucketVisibility.Public : BucketVisibility.Private, bucket.Versioning, objects, sizeBytes, bucket.CreatedAt,
        bucket.UpdatedAt);
}

/// <summary>What a bucket is at.</summary>
public enum BucketStatus
{
    Active = 1,
}

/// <summary>Who reads a bucket's objects.</summary>
public enum BucketVisibility
{
    /// <summary>Who has a key of the project, or a policy's leave.</summary>
    Private = 1,

    /// <summary>Anybody, with no token.</summary>
    Public = 2,
}
