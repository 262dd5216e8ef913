using Cloud.Primitives;

namespace Cloud.Identity.Contracts;

/// <summary>
/// Turns the opaque token of a user's call into who calls, with what rights. In the identity service's own process a look-up; from
/// elsewhere
/// <c>POST /internal/v1/token-exchange</c> (<see cref="TokenExchangeRequest"/>), which answers 200 with an <see cref="ExchangedToken"/>,
/// 204 where this answers null, and a problem document where this refuses.
/// </summary>
public interface ITokenExchange
{
    /// <param name="apiToken">As it stood behind <c>Bearer</c>.</param>
    /// <param name="project">The name or id in <c>?project=</c>: for admins any, for others only their own. Null takes the token's.</param>
    /// <returns>Null for a token that is malformed, unknown, expired or revoked, or whose user is gone.</returns>
    /// <exception cref="CloudException"><see cref="ErrorKind.NotFound"/>: the caller sees no such project.</exception>
    Task<ExchangedToken?> ExchangeAsync(string apiToken, string? project, CancellationToken ct);
}

/// <summary>The body of <c>POST /internal/v1/token-exchange</c>.</summary>
public sealed record TokenExchangeRequest(string Token, string? Project);
