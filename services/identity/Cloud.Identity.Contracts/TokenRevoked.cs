namespace Cloud.Identity.Contracts;

/// <summary>From now on nobody takes this token.</summary>
/// <param name="Token">The token's id, not the token.</param>
public sealed record TokenRevoked(string Token, DateTimeOffset At);
