using Cloud.Identity.Contracts;
using Cloud.Identity.Tokens;
using Cloud.ServiceDefaults.Auth;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.Identity.SigningKeys;

/// <summary>Signs what a token allows, for the services (RFC 7519, ES256).</summary>
internal sealed class JwtSigner(KeyRing keys, IOptions<IdentityOptions> options, TimeProvider time)
{
    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    /// <param name="before">
    /// The answer before; where it says the same and lives for a good while yet, so does its signature, and services know it already.
    /// </param>
    public ExchangedToken Sign(TokenGrant grant, ExchangedToken? before)
    {
        var now = time.GetUtcNow();
        var lifetime = options.Value.JwtLifetime;
        if (before is not null && before.JwtExpiresAt - now >= lifetime / 2 && Says(before, grant))
        {
            return before;
        }

        var end = now + lifetime;
        end = grant.ExpiresAt is { } tokenEnd && tokenEnd < end ? tokenEnd : end;
        return new ExchangedToken
        {
            Subject = grant.User.Value,
            Token = grant.Token.Value,
            Project = grant.Project.Value,
            ProjectName = grant.ProjectName,
            Role = grant.Role.ToString(),
            Scopes = grant.Scopes,
            ExpiresAt = grant.ExpiresAt,
            Jwt = Write(grant, now, end),
            JwtExpiresAt = end,
        };
    }

    private string Write(TokenGrant grant, DateTimeOffset now, DateTimeOffset end)
    {
        var claims = new Dictionary<string, object>
        {
            [CallerClaims.Subject] = grant.User.Value,
            [CallerClaims.Token] = grant.Token.Value,
            [CallerClaims.Project] = grant.Project.Value,
            [CallerClaims.ProjectName] = grant.ProjectName,
            [CallerClaims.Role] = grant.Role.ToString(),
        };
        if (grant.Scopes.Count > 0)
        {
            claims[CallerClaims.Scopes] = grant.Scopes;
        }

        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = CallerClaims.Issuer,
            Audience = CallerClaims.Audience,
            TokenType = CallerClaims.TokenType,
            IssuedAt = now.UtcDateTime,
            Expires = end.UtcDateTime,
            Claims = claims,
            SigningCredentials = new SigningCredentials(keys.Current, SecurityAlgorithms.EcdsaSha256),
        });
    }

    private static bool Says(ExchangedToken token, TokenGrant grant) =>
        token.Subject == grant.User.Value && token.Token == grant.Token.Value && token.Project == grant.Project.Value
        && token.ProjectName == grant.ProjectName && token.Role == grant.Role.ToString() && token.ExpiresAt == grant.ExpiresAt
        && token.Scopes.SequenceEqual(grant.Scopes, StringComparer.Ordinal);
}
