using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Tokens;

/// <summary>A secret by which a user acts in a project, with a role of its own. The secret itself is stored nowhere.</summary>
internal sealed class ApiToken : IVersioned, INamed
{
    private ApiToken()
    {
    }

    public TokenId Id { get; private init; }

    public ProjectId Project { get; private init; }

    public UserId User { get; private init; }

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    /// <summary>The most that it may; its user may allow less.</summary>
    public Role Role { get; private init; }

    /// <summary>What it is limited to (<see cref="Contracts.TokenScopes"/>); empty for no limit.</summary>
    public IReadOnlyList<string> Scopes { get; private init; } = [];

    /// <summary>SHA-256 of the whole text.</summary>
    public byte[] Hash { get; private init; } = [];

    /// <summary>The user who made it; null for the cloud itself.</summary>
    public UserId? CreatedBy { get; private init; }

    /// <summary>Whether it takes of the project's quota. What the cloud makes for itself must never fail for want of one.</summary>
    public bool IsCounted => CreatedBy is not null;

    public DateTimeOffset? ExpiresAt { get; private init; }

    /// <summary>To the minute. Written past the version, as no change of the token.</summary>
    public DateTimeOffset? LastUsedAt { get; private init; }

    public DateTimeOffset? RevokedAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static ApiToken Create(NewToken asked, string text, DateTimeOffset now) => new()
    {
        Id = asked.Id,
        Project = asked.Project,
        User = asked.User,
        Name = asked.Name,
        Labels = asked.Labels,
        Role = asked.Role,
        Scopes = asked.Scopes,
        Hash = TokenText.HashOf(text),
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
    }
}

/// <summary>What a new token is to be.</summary>
internal sealed record NewToken
{
    public required TokenId Id { get; init; }

    public required ProjectId Project { get; init; }

    public required UserId User { get; init; }

    public required string Name { get; init; }

    public Labels Labels { get; init; } = Labels.None;

    public required Role Role { get; init; }

    public IReadOnlyList<string> Scopes { get; init; } = [];

    public UserId? CreatedBy { get; init; }

    public DateTimeOffset? ExpiresAt { get; init; }
}
