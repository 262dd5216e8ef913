using System.Security.Claims;
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
    public bool IsAdmin => Role == Role.Admin;

    /// <summary>Taken from the verified claims; an endpoint that lets anybody in must not ask for a caller.</summary>
    public static ValueTask<Caller> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return TryFrom(context.User, out var caller)
            ? ValueTask.FromResult(caller)
            : throw new CloudException(ErrorKind.Unauthenticated, "unauthenticated", "This call needs a token.");
    }

    /// <summary>The claims of a caller, as they stand in a token between services.</summary>
    public ClaimsIdentity ToIdentity(string scheme) => new(
        [
            new Claim(CallerClaims.Subject, Subject),
            new Claim(CallerClaims.Token, Token),
            new Claim(CallerClaims.Project, Project),
            new Claim(CallerClaims.ProjectName, ProjectName),
            new Claim(CallerClaims.Role, Role.ToString()),
        ],
        scheme);

    internal static bool TryFrom(ClaimsPrincipal user, out Caller caller)
    {
        caller = null!;
        if (user.Identity?.IsAuthenticated != true || user.FindFirstValue(CallerClaims.Subject) is not { } subject
            || user.FindFirstValue(CallerClaims.Project) is not { } project
            || !Enum.TryParse<Role>(user.FindFirstValue(CallerClaims.Role), out var role))
        {
            return false;
        }

        caller = new Caller(
            subject,
            user.FindFirstValue(CallerClaims.Token) ?? "",
            project,
            user.FindFirstValue(CallerClaims.ProjectName) ?? "",
            role);
        return true;
    }
}
