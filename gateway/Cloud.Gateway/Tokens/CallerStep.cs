using Cloud.Gateway.Limits;
using Cloud.Gateway.Refusals;
using Cloud.Gateway.Routes;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;
using Microsoft.AspNetCore.Authorization;

namespace Cloud.Gateway.Tokens;

/// <summary>
/// The gateway's one step for every call: names it in the answer, drops what callers may not say, learns who calls, and keeps the limits.
/// What the caller may do is decided by the route's policy after it.
/// </summary>
internal sealed class CallerStep(RequestDelegate next, KnownTokens tokens, CallLimits limits, RefusedCalls refused)
{
    /// <summary>What only a proxy may say; none stands in front of the gateway.</summary>
    private static readonly string[] ProxyHeaders =
        ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Forwarded-Port", "X-Real-IP"];

    public Task InvokeAsync(HttpContext context)
    {
        context.Response.Headers[RequestIds.Header] = context.TraceIdentifier;
        foreach (var header in ProxyHeaders)
        {
            context.Request.Headers.Remove(header);
        }

        var endpoint = context.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<NeedsServiceKey>() is not null)
        {
            // The cloud's own processes do not call one another through here.
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        if (!TokenAsked.TryRead(context.Request, out var asked) || endpoint?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            return GoOnWithoutTokenAsync(context);
        }

        return tokens.Find(asked) is { } caller ? GoOnAsync(context, caller) : AskAsync(context, asked);
    }

    private async Task AskAsync(HttpContext context, TokenAsked asked)
    {
        // Whoever tries tokens out is slowed down by address before identity is asked; a token that is known never gets here for that.
        if (tokens.IsUnknown(asked) && limits.OfAddress(context.Connection.RemoteIpAddress).Take(changes: false) is { } wait)
        {
            throw TooMany(wait);
        }

        if (await tokens.AskAsync(asked, context.RequestAborted) is { } caller)
        {
            await GoOnAsync(context, caller);
            return;
        }

        await next(context);
        refused.NoteIfRefused(context);
    }

    private Task GoOnWithoutTokenAsync(HttpContext context)
    {
        if (limits.OfAddress(context.Connection.RemoteIpAddress).Take(changes: false) is { } wait)
        {
            throw TooMany(wait);
        }

        return NoteAfterAsync(next(context), context);
    }

    private Task GoOnAsync(HttpContext context, CallerPrincipal caller)
    {
        if (caller.Token.Limits.Take(Changes(context.Request.Method)) is { } wait)
        {
            throw TooMany(wait);
        }

        context.User = caller;
        return NoteAfterAsync(PassAsync(context, caller.Token.Caller), context);
    }

    /// <summary>
    /// A call that another process answers needs nothing of the steps between here and there: they would cost it a fifth of its time. What
    /// is not allowed goes through them all, to be refused.
    /// </summary>
    private Task PassAsync(HttpContext context, Caller caller) =>
        context.GetEndpoint() is { RequestDelegate: { } send } endpoint && endpoint.Metadata.GetMetadata<ProxiedRoute>() is not null
        && caller.Role >= Role.Viewer && CallScope.Allows(caller, context)
            ? send(context)
            : next(context);

    /// <summary>Most calls have ended by now: they need no state machine of their own.</summary>
    private Task NoteAfterAsync(Task call, HttpContext context)
    {
        if (!call.IsCompletedSuccessfully)
        {
            return NoteWhenOverAsync(call, context);
        }

        refused.NoteIfRefused(context);
        return Task.CompletedTask;
    }

    private async Task NoteWhenOverAsync(Task call, HttpContext context)
    {
        await call;
        refused.NoteIfRefused(context);
    }

    private static bool Changes(string method) =>
        !HttpMethods.IsGet(method) && !HttpMethods.IsHead(method) && !HttpMethods.IsOptions(method);

    private static CloudException TooMany(TimeSpan wait) =>
        new(ErrorKind.Throttled, "too-many-requests", "Too many calls in a short time. Slow down.") { RetryAfter = wait };
}
