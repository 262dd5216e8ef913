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
    private const int AddressLengthMax = 45;

    public Task HandleAsync(
        RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
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
            Actor.Current = new Actor(caller.Subject, caller.Token, EnumWords.Of(caller.Role)) { SourceAddress = AddressOf(context) };
        }

        return next(context);
    }

    /// <summary>Behind the gateway its word: it drops what callers say, and nobody else has a token that a service takes.</summary>
    private static string? AddressOf(HttpContext context) =>
        context.Request.Headers["X-Forwarded-For"].ToString() is { Length: > 0 and <= AddressLengthMax } forwarded
            ? forwarded
            : context.Connection.RemoteIpAddress?.ToString();
}
