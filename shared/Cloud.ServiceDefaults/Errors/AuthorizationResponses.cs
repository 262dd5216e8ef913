using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>
/// What follows from a route's policy: 401 and 403 as problem documents, whatever scheme authenticated the call; and for a call that may go
/// on, <see cref="Actor.Current"/>.
/// </summary>
internal sealed class AuthorizationResponses : IAuthorizationMiddlewareResultHandler
{
    public Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (!authorizeResult.Succeeded)
        {
            return CallRefusal.Of(context) is { } refusal
                ? ProblemWriter.WriteAsync(context, refusal)
                : ProblemWriter.WriteAsync(context, StatusCodes.Status401Unauthorized);
        }

        // A read changes nothing that could be put down to anybody, and most calls are reads.
        if (!HttpMethods.IsGet(context.Request.Method) && Caller.TryFrom(context.User, out var caller))
        {
            Actor.Current = new Actor(caller.Subject, caller.Token, EnumWords.Of(caller.Role));
        }

        return next(context);
    }
}
