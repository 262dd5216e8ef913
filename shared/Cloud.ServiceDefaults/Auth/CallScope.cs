using Cloud.Identity.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>Whether a token's scopes cover a call. The service is the one that the route's group name names.</summary>
public static class CallScope
{
    /// <summary>The caller's token is not limited, or its limits cover this call.</summary>
    public static bool Allows(Caller caller, HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(caller);
        ArgumentNullException.ThrowIfNull(context);
        return caller.Scopes.Count == 0 || TokenScopes.Allow(caller.Scopes, ServiceOf(context.GetEndpoint()), Reads(context));
    }

    private static string? ServiceOf(Endpoint? endpoint) => endpoint?.Metadata.GetMetadata<IEndpointGroupNameMetadata>()?.EndpointGroupName;

    /// <summary>A WebSocket begins as a GET, and then carries anything.</summary>
    private static bool Reads(HttpContext context) =>
        (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        && context.Request.Headers.Upgrade.Count == 0;
}
