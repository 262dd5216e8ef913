using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Identity.AccessKeys;

/// <summary>
/// A pair by which S3 clients sign (Signature V4). The secret is kept, sealed, as a signature cannot be verified without it.
/// </summary>
internal sealed class AccessKey : IVersioned, INamed
{
    private AccessKey()
    {
    }

    public AccessKeyId Id { get; private init; }

    /// <summary>The public half, as S3 clients have it: <c>AKIA…</c>.</summary>
    public string PublicId { get; private init; } = "";

    public ProjectId Project { get; private init; }

    public UserId User { get; private init; }

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    /// <summary>The buckets that it opens; empty for all of the project.</summary>
    public IReadOnlyList<string> Buckets { get; private init; } = [];

    public bool ReadOnly { get; private init; }

    /// <summary>By the <see cref="Secrets.SecretBox"/> for <see cref="PublicId"/>; empty once revoked.</summary>
    public byte[] SealedSecret { get; private set; } = [];

    /// <summary>The user who made it; null for the cloud itself.</summary>
    public UserId? CreatedBy { get; private init; }

    /// <summary>Whether it takes of the project's quota. What the cloud makes for itself must never fail for want of one.</summary>
    public bool IsCounted => CreatedBy is not null;

    public DateTimeOffset? ExpiresAt { get; private init; }

    /// <summary>To the minute. Written past the version, as no change of the key.</summary>
    public DateTimeOffset? LastUsedAt { get; private init; }

    public DateTimeOffset? RevokedAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static AccessKey Create(NewAccessKey asked, byte[] sealedSecret, DateTimeOffset now) => new()
    {
        Id = asked.Id,
        PublicId = asked.PublicId,
        Project = asked.Project,
        User = asked.User,
        Name = asked.Name,
        Labels = asked.Labels,
        Buckets = asked.Buckets,
        ReadOnly = asked.ReadOnly,
        SealedSecret = sealedSecret,
        CreatedBy = asked.CreatedBy,
        ExpiresAt = asked.ExpiresAt,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public TokenStatus StatusAt(DateTimeOffset now) =>
        RevokedAt is not null ? TokenStatus.Revoked : ExpiresAt <= now ? TokenStatus.Expired : TokenStatus.Active;

    public void Rename(string name, DateTimeOffset now)
    {
        Name = name;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void Revoke(DateTimeOffset now)
    {
        RevokedAt = now;
        UpdatedAt = now;
        SealedSecret = [];
    }
}

/// <summary>What a new access key is to be.</summary>
internal sealed record NewAccessKey
{
    public required AccessKeyId Id { get; init; }

    public required string PublicId { get; init; }

    public required ProjectId Project { get; init; }

    public required UserId User { get; init; }

    public required string Name { get; init; }

    public Labels Labels { get; init; } = Labels.None;

    public IReadOnlyList<string> Buckets { get; init; } = [];

    public bool ReadOnly { get; init; }

    public UserId? CreatedBy { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }
}
