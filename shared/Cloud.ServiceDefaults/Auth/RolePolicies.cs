using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>One policy a role; a route names the least role that may call it.</summary>
public static class RolePolicies
{
    private const string ServiceKeyPolicy = "ServiceKey";

    /// <summary>The least role that may call this route, or all routes of this group.</summary>
    public static TBuilder RequireRole<TBuilder>(this TBuilder builder, Role least)
        where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(least.ToString()).WithMetadata(new LeastRole(least));

    /// <summary>
    /// For <c>/internal</c> routes: only the cloud's own processes call this route, or all routes of this group. No user's token opens it.
    /// </summary>
    public static TBuilder RequireServiceKey<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(ServiceKeyPolicy).WithMetadata(new NeedsServiceKey());

    internal static void AddRolePolicies(this AuthorizationBuilder authorization)
    {
        foreach (var least in Enum.GetValues<Role>())
        {
            authorization.AddPolicy(least.ToString(), policy => policy.RequireAssertion(
                context => Caller.TryFrom(context.User, out var caller) && caller.Role >= least
                    && (context.Resource is not HttpContext call || CallScope.Allows(caller, call))));
        }

        authorization.AddPolicy(ServiceKeyPolicy, policy => policy
            .AddAuthenticationSchemes(AuthSchemes.ServiceKey)
            .RequireAssertion(context => context.User.Identity?.AuthenticationType == AuthSchemes.ServiceKey));
        authorization.SetFallbackPolicy(new AuthorizationPolicyBuilder()
            .RequireAssertion(context => Caller.TryFrom(context.User, out _))
            .Build());
    }
}

/// <summary>The least role a route asks for, for the API's description and the suite that walks all routes.</summary>
public sealed record LeastRole(Role Role);

/// <summary>The route is for the cloud's own processes.</summary>
public sealed record NeedsServiceKey;
