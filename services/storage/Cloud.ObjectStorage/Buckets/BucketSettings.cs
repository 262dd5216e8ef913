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

    /// <summary>The region that its creator named (<c>LocationConstraint</c>); it is told again, and means nothing.</summary>
    public string? Location { get; init; }

    public WebsiteRules? Website { get; init; }

    public AccessLogRule? AccessLog { get; init; }

    public NotificationRules? Notifications { get; init; }
}

/// <summary>How a bucket answers as a web site.</summary>
internal sealed record WebsiteRules
{
    /// <summary>What stands for a folder: <c>index.html</c>; null where all requests are sent elsewhere.</summary>
    public string? IndexSuffix { get; init; }

    /// <summary>The object that is shown where there is nothing.</summary>
    public string? ErrorKey { get; init; }

    /// <summary>Where all requests are sent.</summary>
    public WebsiteRedirect? RedirectAll { get; init; }

    public IReadOnlyList<WebsiteRoute> Routes { get; init; } = [];
}

/// <summary>Where requests are sent that begin so, or would fail so; null for any.</summary>
internal sealed record WebsiteRoute(string? KeyPrefix, int? ErrorStatus, WebsiteRedirect Redirect);

/// <summary>Where to: what is null stays as it was asked.</summary>
internal sealed record WebsiteRedirect(
    string? HostName, string? Protocol = null, string? Key = null, string? KeyPrefix = null, int? Status = null);

/// <summary>Where a line about every request of the bucket goes.</summary>
/// <param name="Bucket">By name; of the same project.</param>
/// <param name="Partitioned">Null for a flat name; else which date the folders of the names show, as S3 says it.</param>
internal sealed record AccessLogRule(string Bucket, string Prefix, string? Partitioned = null);

/// <summary>What is told when objects change.</summary>
internal sealed record NotificationRules
{
    /// <summary>All of it goes to the message bus, and so to <c>GET /v1/events</c>.</summary>
    public bool ToBus { get; init; }

    public IReadOnlyList<NotificationRule> Rules { get; init; } = [];
}

/// <summary>Which events of which keys go where.</summary>
/// <param name="Kind">The element it was put as; clients see it so again.</param>
/// <param name="Target">An http or https URL; <see cref="Bus"/> for the message bus.</param>
internal sealed record NotificationRule(
    string Id, string Kind, string Target, IReadOnlyList<string> Events, string? Prefix, string? Suffix)
{
    public const string Bus = "arn:cloud:bus";

    public bool Covers(string eventName, string key) =>
        Events.Any(pattern => Wildcard.Matches(pattern, eventName))
        && (Prefix is null || key.StartsWith(Prefix, StringComparison.Ordinal))
        && (Suffix is null || key.EndsWith(Suffix, StringComparison.Ordinal));
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
