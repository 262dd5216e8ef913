using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>Why a known caller may not make this call: the role that it needs, or the scope.</summary>
internal static class CallRefusal
{
    /// <returns>Null where the caller is not known, and so nothing more can be said.</returns>
    public static CloudException? Of(HttpContext context)
    {
        if (!Caller.TryFrom(context.User, out var caller))
        {
            return null;
        }

        var roles = context.GetEndpoint()?.Metadata.GetOrderedMetadata<LeastRole>() ?? [];
        var least = roles.Select(needed => needed.Role).DefaultIfEmpty(Role.Viewer).Max();
        return caller.Role < least
            ? new CloudException(
                ErrorKind.Forbidden,
                "forbidden",
                $"This call needs the role '{EnumWords.Of(least)}'; the token has '{EnumWords.Of(caller.Role)}'.")
            : new CloudException(
                ErrorKind.Forbidden,
                "scope-missing",
                $"The token is limited to {string.Join(", ", caller.Scopes)}, which does not cover this call.");
    }
}
