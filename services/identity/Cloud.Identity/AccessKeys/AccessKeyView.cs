using Cloud.Identity.Projects;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Primitives;

namespace Cloud.Identity.AccessKeys;

/// <summary>An S3 access key as the API shows it.</summary>
public sealed record AccessKeyView
{
    public required AccessKeyId Id { get; init; }

    public required string Name { get; init; }

    public required Labels Labels { get; init; }

    public required TokenStatus Status { get; init; }

    public required ProjectId Project { get; init; }

    public required UserId User { get; init; }

    /// <summary>What S3 clients call the access key id: <c>AKIA…</c>.</summary>
    public required string AccessKeyId { get; init; }

    /// <summary>Only in the answer to its creation.</summary>
    public string? SecretAccessKey { get; init; }

    /// <summary>The buckets that it opens; empty for all of the project.</summary>
    public required IReadOnlyList<string> Buckets { get; init; }

    public required bool ReadOnly { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>To the minute.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    public required UserId? CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    internal static AccessKeyView From(AccessKey key, DateTimeOffset now, string? secret = null) => new()
    {
        Id = key.Id,
        Name = key.Name,
        Labels = key.Labels,
        Status = key.StatusAt(now),
        Project = key.Project,
        User = key.User,
        AccessKeyId = key.PublicId,
        SecretAccessKey = secret,
        Buckets = key.Buckets,
        ReadOnly = key.ReadOnly,
        ExpiresAt = key.ExpiresAt,
        LastUsedAt = key.LastUsedAt,
        CreatedBy = key.CreatedBy,
        CreatedAt = key.CreatedAt,
        UpdatedAt = key.UpdatedAt,
    };
}
