using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Tokens;

/// <summary>An API token as the API shows it.</summary>
public sealed record TokenView
{
    public required TokenId Id { get; init; }

    public required string Name { get; init; }

    public required Labels Labels { get; init; }

    public required TokenStatus Status { get; init; }

    public required ProjectId Project { get; init; }

    /// <summary>Whose calls it makes.</summary>
    public required UserId User { get; init; }

    public required Role Role { get; init; }

    /// <summary>What it is limited to; empty for no limit.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>The token itself: only in the answer to its creation; it is stored nowhere.</summary>
    public string? Token { get; init; }

    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>To the minute.</summary>
    public required DateTimeOffset? LastUsedAt { get; init; }

    public required UserId? CreatedBy { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset UpdatedAt { get; init; }

    internal static TokenView From(ApiToken token, DateTimeOffset now, string? text = null) => new()
    {
        Id = token.Id,
        Name = token.Name,
        Labels = token.Labels,
        Status = token.StatusAt(now),
        Project = token.Project,
        User = token.User,
        Role = token.Role,
        Scopes = token.Scopes,
        Token = text,
        ExpiresAt = token.ExpiresAt,
        LastUsedAt = token.LastUsedAt,
        CreatedBy = token.CreatedBy,
        CreatedAt = token.CreatedAt,
        UpdatedAt = token.UpdatedAt,
    };
}
