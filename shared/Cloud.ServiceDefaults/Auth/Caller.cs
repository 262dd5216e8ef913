using System.Security.Claims;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>Who calls, for which project, and with what rights. Handlers take it as a parameter.</summary>
/// <param name="Subject">The id of the user, or of the service, behind the token.</param>
/// <param name="Token">The id of the token it came with, for the audit log.</param>
/// <param name="Project">The id of the project the call is about.</param>
/// <param name="ProjectName">That project's name.</param>
/// <param name="Role">What the caller may do in it.</param>
public sealed record Caller(string Subject, string Token, string Project, string ProjectName, Role Role)
{
    /// <summary>What the token is limited to (<see cref="TokenScopes"/>); empty for no limit.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    public bool IsAdmin => Role == Role.Admin;

    /// <summary>The caller that identity found behind a token.</summary>
    public static Caller From(ExchangedToken token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return new Caller(token.Subject, token.Token, token.Project, token.ProjectName, Enum.Parse<Role>(token.Role))
        {
            Scopes = token.Scopes,
        };
    }

    /// <summary>Taken from the verified claims; an endpoint that lets anybody in must not ask for a caller.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return TryFrom(context.User, out var caller)
            ? ValueTask.FromResult(caller)
            : throw new CloudException(ErrorKind.Unauthenticated, "unauthenticated", "This call needs a token.");
    }

    /// <summary>The claims of a caller, as they stand in a token between services.</summary>
    public ClaimsIdentity ToIdentity(string scheme) => new CallerIdentity(this, scheme);

    internal static bool TryFrom(ClaimsPrincipal user, out Caller caller)
    {
        caller = (user.Identity as CallerIdentity)?.Caller!;
        return caller is not null;
    }
}

/// <summary>An identity that needs no parsing: a verified token's is asked for the caller several times a call.</summary>
internal sealed class CallerIdentity(Caller caller, string scheme)
    : ClaimsIdentity(ClaimsOf(caller), scheme, CallerClaims.Subject, CallerClaims.Role)
{
    public Caller Caller => caller;

    public override ClaimsIdentity Clone() => new CallerIdentity(caller, AuthenticationType!);

    private static IEnumerable<Claim> ClaimsOf(Caller caller) =>
    [
        new(CallerClaims.Subject, caller.Subject),
        new(CallerClaims.Token, caller.Token),
        new(CallerClaims.Project, caller.Project),
        new(CallerClaims.ProjectName, caller.ProjectName),
        new(CallerClaims.Role, caller.Role.ToString()),
        .. caller.Scopes.Select(scope => new Claim(CallerClaims.Scopes, scope)),
    ];
}
