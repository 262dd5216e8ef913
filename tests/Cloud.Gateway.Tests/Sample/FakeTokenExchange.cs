using System.Collections.Concurrent;
using System.Security.Cryptography;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Cloud.Gateway.Tests.Sample;

/// <summary>Identity, as far as the gateway and the services see it.</summary>
public sealed class FakeTokenExchange : ITokenExchange, IVerificationKeys, IDisposable
{
    public const string Admin = "tok-admin-secret";
    public const string Editor = "tok-editor-secret";
    public const string Viewer = "tok-viewer-secret";
    public const string Other = "tok-other-secret";

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsaSecurityKey _signing;
    private int _asked;

    public FakeTokenExchange() => _signing = new ECDsaSecurityKey(_key) { KeyId = "test" };

    /// <summary>Token to subject, token id, project and role.</summary>
    public ConcurrentDictionary<string, (string Subject, string Id, string Project, Role Role)> Tokens { get; } = new()
    {
        [Admin] = ("usr-admin", "tok-1", "prj-1", Role.Admin),
        [Editor] = ("usr-editor", "tok-2", "prj-1", Role.Editor),
        [Viewer] = ("usr-viewer", "tok-3", "prj-1", Role.Viewer),
        [Other] = ("usr-other", "tok-4", "prj-2", Role.Owner),
    };

    public int Asked => _asked;

    public Task<ExchangedToken?> ExchangeAsync(string apiToken, string? project, CancellationToken ct)
    {
        Interlocked.Increment(ref _asked);
        if (!Tokens.TryGetValue(apiToken, out var token))
        {
            return Task.FromResult<ExchangedToken?>(null);
        }

        if (project is not null && project != token.Project
            && (token.Role != Role.Admin || !project.StartsWith("prj-", StringComparison.Ordinal)))
        {
            throw CloudException.NotFound("project", project);
        }

        var caller = new Caller(token.Subject, token.Id, project ?? token.Project, "p", token.Role);
        var end = TimeProvider.System.GetUtcNow().AddMinutes(1);
        return Task.FromResult<ExchangedToken?>(new ExchangedToken
        {
            Subject = caller.Subject,
            Token = caller.Token,
            Project = caller.Project,
            ProjectName = "p",
            Role = caller.Role.ToString(),
            Scopes = [],
            ExpiresAt = null,
            Jwt = Sign(caller, end),
            JwtExpiresAt = end,
        });
    }

    public ValueTask<SecurityKey?> FindAsync(string kid, CancellationToken ct) =>
        ValueTask.FromResult<SecurityKey?>(kid == _signing.KeyId ? _signing : null);

    public void Dispose() => _key.Dispose();

    private string Sign(Caller caller, DateTimeOffset end) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = CallerClaims.Issuer,
        Audience = CallerClaims.Audience,
        TokenType = CallerClaims.TokenType,
        Expires = end.UtcDateTime,
        Claims = new Dictionary<string, object>
        {
            [CallerClaims.Subject] = caller.Subject,
            [CallerClaims.Token] = caller.Token,
            [CallerClaims.Project] = caller.Project,
            [CallerClaims.ProjectName] = caller.ProjectName,
            [CallerClaims.Role] = caller.Role.ToString(),
        },
        SigningCredentials = new SigningCredentials(_signing, SecurityAlgorithms.EcdsaSha256),
    });
}
