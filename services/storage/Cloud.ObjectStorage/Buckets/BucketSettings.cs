using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>All that a bucket's owner can set beside its name, labels and versioning. Replaced whole; null for what is not set.</summary>
internal sealed record BucketSettings
{
    /// <summary>Anybody reads the objects, with no token: <c>visibility: public</c>.</summary>
    public bool PublicRead { get; init; }

    /// <summary>Grants to others than the owner.</summary>
    public IReadOnlyList<AclGrant> Grants { get; init; } = [];

    /// <summary>The bucket policy's JSON, as it was put.</summary>
    public string? Policy { get; init; }

    public PublicAccessBlock? PublicAccessBlock { get; init; }

    public ObjectOwnership? Ownership { get; init; }

    public IReadOnlyList<CorsRule>? Cors { get; init; }

    public IReadOnlyList<LifecycleRule>? Lifecycle { get; init; }

    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    public ObjectLockRule? ObjectLock { get; init; }

    /// <summary>New objects are encrypted although they do not ask for it (SSE-S3).</summary>
    public bool Encrypt { get; init; }
}

/// <summary>Who owns what others write into the bucket.</summary>
internal enum ObjectOwnership
{
    BucketOwnerEnforced = 1,
    BucketOwnerPreferred = 2,
    ObjectWriter = 3,
}

/// <summary>What S3's PublicAccessBlockConfiguration holds.</summary>
internal sealed record PublicAccessBlock(bool BlockPublicAcls, bool IgnorePublicAcls, bool BlockPublicPolicy, bool RestrictPublicBuckets);

/// <summary>What pages of other origins may do.</summary>
internal sealed record CorsRule
{
    public string? Id { get; init; }

    public IReadOnlyList<string> Origins { get; init; } = [];

    public IReadOnlyList<string> Methods { get; init; } = [];

    public IReadOnlyList<string> Headers { get; init; } = [];

    public IReadOnlyList<string> ExposeHeaders { get; init; } = [];

    public int? MaxAgeSeconds { get; init; }
}

/// <summary>What becomes of objects with time.</summary>
internal sealed record LifecycleRule
{
    public string Id { get; init; } = "";

    public bool Enabled { get; init; }

    /// <summary>Null where the rule was put with a filter: it decides how the rule is shown.</summary>
    public string? LegacyPrefix { get; init; }

    public string Prefix { get; init; } = "";

    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    public long? SizeGreaterThan { get; init; }

    public long? SizeLessThan { get; init; }

    public int? ExpirationDays { get; init; }

    public DateTimeOffset? ExpirationDate { get; init; }

    public bool ExpiredDeleteMarker { get; init; }

    public int? NoncurrentDays { get; init; }

    /// <summary>So many of the newest noncurrent versions stay whatever their age.</summary>
    public int? NewerNoncurrentVersions { get; init; }

    public int? AbortMultipartDays { get; init; }

    /// <summary>Whether it speaks of an object.</summary>
    public bool Covers(string key, long sizeBytes, Func<IReadOnlyDictionary<string, string>?> tagsOf) =>
        key.StartsWith(Prefix, StringComparison.Ordinal) && !(sizeBytes <= SizeGreaterThan) && !(sizeBytes >= SizeLessThan)
        && (Tags.Count == 0
            || (tagsOf() is { } tags && Tags.All(tag => tags.TryGetValue(tag.Key, out var value) && value == tag.Value)));
}

/// <summary>Object lock is on; the default retention of new objects, if there is one.</summary>
internal sealed record ObjectLockRule(RetentionMode? Mode = null, int? Days = null, int? Years = null);

/// <summary>How firmly an object is kept.</summary>
internal enum RetentionMode
{
    None = 1,

    /// <summary>Whoever may bypass it deletes it before its time.</summary>
    Governance = 2,

    /// <summary>Nobody does.</summary>
    Compliance = 3,
}
