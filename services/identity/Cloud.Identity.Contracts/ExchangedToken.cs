namespace Cloud.Identity.Contracts;

/// <summary>Who stands behind an API token, as of now: the rights are the least of the token's and of its user's.</summary>
public sealed record ExchangedToken
{
    /// <summary>The user's id.</summary>
    public required string Subject { get; init; }

    /// <summary>The token's id: <c>tok-…</c>.</summary>
    public required string Token { get; init; }

    /// <summary>The id of the project that the call is about.</summary>
    public required string Project { get; init; }

    public required string ProjectName { get; init; }

    /// <summary><c>Viewer</c>, <c>Editor</c>, <c>Owner</c> or <c>Admin</c>.</summary>
    public required string Role { get; init; }

    /// <summary>What the token is limited to (<see cref="TokenScopes"/>); empty for no limit.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>When the API token ends; null for never.</summary>
    public required DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>The same signed (ES256), for the way to a service. Never shown to a user.</summary>
    public required string Jwt { get; init; }

    public required DateTimeOffset JwtExpiresAt { get; init; }
}
