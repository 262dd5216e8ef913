using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>Who calls, and until when the token says so.</summary>
internal sealed record VerifiedToken(Caller Caller, DateTimeOffset ExpiresAt);

/// <summary>Verifies tokens between services: ES256 by a key of identity's, for us, and not over.</summary>
internal sealed class JwtVerifier(IVerificationKeys keys, TimeProvider time)
{
    /// <summary>Ours have about 600 characters.</summary>
    private const int LengthMax = 8 * 1024;

    /// <summary>How far the clocks of two hosts may be apart.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(5);

    private readonly JsonWebTokenHandler _handler = new() { MapInboundClaims = false, MaximumTokenSizeInBytes = LengthMax };

    /// <returns>Null where it is no valid token, whatever the reason.</returns>
    public async Task<VerifiedToken?> VerifyAsync(string token, CancellationToken ct)
    {
        if (token.Length > LengthMax || !_handler.CanReadToken(token) || Read(token) is not { } unverified
            || unverified.Alg != SecurityAlgorithms.EcdsaSha256 || await keys.FindAsync(unverified.Kid, ct) is not { } key)
        {
            return null;
        }

        var result = await _handler.ValidateTokenAsync(unverified, ParametersFor(key));
        return result.IsValid ? CallerOf(unverified) : null;
    }

    private JsonWebToken? Read(string token)
    {
        try
        {
            return _handler.ReadJsonWebToken(token);
        }
        catch (ArgumentException)
        {
            // Three parts with dots, and no JSON in them.
            return null;
        }
    }

    private TokenValidationParameters ParametersFor(SecurityKey key) => new()
    {
        ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
        ValidTypes = [CallerClaims.TokenType],
        ValidIssuer = CallerClaims.Issuer,
        ValidAudience = CallerClaims.Audience,
        IssuerSigningKey = key,
        TryAllIssuerSigningKeys = false,
        LifetimeValidator = (notBefore, expires, _, _) =>
        {
            var now = time.GetUtcNow().UtcDateTime;
            return expires is { } end && end > now - ClockSkew && (notBefore is not { } start || start <= now + ClockSkew);
        },
    };

    private static VerifiedToken? CallerOf(JsonWebToken token) =>
        TextOf(token, CallerClaims.Subject) is { } subject && TextOf(token, CallerClaims.Project) is { } project
        && Enum.TryParse<Role>(TextOf(token, CallerClaims.Role), out var role) && Enum.IsDefined(role)
            ? new VerifiedToken(
                new Caller(subject, TextOf(token, CallerClaims.Token) ?? "", project, TextOf(token, CallerClaims.ProjectName) ?? "", role)
                {
                    Scopes = token.Claims.Where(claim => claim.Type == CallerClaims.Scopes).Select(claim => claim.Value).ToList(),
                },
                new DateTimeOffset(token.ValidTo, TimeSpan.Zero))
            : null;

    private static string? TextOf(JsonWebToken token, string claim) => token.TryGetPayloadValue<string>(claim, out var text) ? text : null;
}
