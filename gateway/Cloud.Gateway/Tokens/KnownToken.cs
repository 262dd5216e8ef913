using System.Security.Claims;
using Cloud.Gateway.Limits;
using Cloud.Identity.Contracts;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Gateway.Tokens;

/// <summary>Who stands behind a token, as identity said it last. Shared by all calls of the token.</summary>
internal sealed class KnownToken(ExchangedToken exchanged, CallerLimits limits, CancellationToken revoked)
{
    public Caller Caller { get; } = Caller.From(exchanged);

    /// <summary>The <c>Authorization</c> header towards the services.</summary>
    public string Jwt { get; } = $"Bearer {exchanged.Jwt}";

    public DateTimeOffset? ExpiresAt => exchanged.ExpiresAt;

    /// <summary>What the token may still do now.</summary>
    public CallerLimits Limits => limits;

    /// <summary>Ends what goes on for long on the strength of this token.</summary>
    public CancellationToken Revoked => revoked;
}

/// <summary>The user of a call, with the token that it came with.</summary>
internal sealed class CallerPrincipal : ClaimsPrincipal
{
    private const string Scheme = "Gateway";

    public CallerPrincipal(KnownToken token)
        : base(token.Caller.ToIdentity(Scheme)) => Token = token;

    public KnownToken Token { get; }
}
