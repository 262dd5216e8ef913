namespace Cloud.Identity.Contracts;

/// <summary>
/// An S3 access key, for the service that verifies signatures: <c>GET /internal/v1/access-keys/{accessKeyId}</c>, 404 for one that is
/// unknown, expired or revoked, or whose user is gone. Keep it for seconds at most, and drop it on <see cref="AccessKeyRevoked"/>.
/// </summary>
public sealed record AccessKeySecret
{
    /// <summary><c>AKIA…</c>.</summary>
    public required string AccessKeyId { get; init; }

    /// <summary>Signature V4 signs with it. Never logged, never stored.</summary>
    public required string SecretAccessKey { get; init; }

    /// <summary>The id of the user whose key it is.</summary>
    public required string Subject { get; init; }

    public required string Project { get; init; }

    public required string ProjectName { get; init; }

    /// <summary>The buckets that it opens; empty for all of the project.</summary>
    public required IReadOnlyList<string> Buckets { get; init; }

    public required bool ReadOnly { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Not the secret.</summary>
    public override string ToString() => AccessKeyId;
}
