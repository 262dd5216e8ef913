using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>One policy a role; a route names the least role that may call it.</summary>
public static class RolePolicies
{
    /// <summary>The least role that may call this route, or all routes of this group.</summary>
    public static TBuilder RequireRole<TBuilder>(this TBuilder builder, Role least)
        where TBuilder : IEndpointConventionBuilder =>
        builder.RequireAuthorization(least.ToString()).WithMetadata(new LeastRole(least));

    internal static void AddRolePolicies(this AuthorizationBuilder authorization)
    {
        foreach (var least in Enum.GetValues<Role>())
        {
            authorization.AddPolicy(least.ToString(), policy => policy.RequireAssertion(
                context => Caller.TryFrom(context.User, out var caller) && caller.Role >= least));
        }

        authorization.SetFallbackPolicy(new AuthorizationPolicyBuilder()
            .RequireAssertion(context => Caller.TryFrom(context.User, out _))
            .Build());
    }
}

/// <summary>The least role a route asks for, for the API's description and the suite that walks all routes.</summary>
public sealed record LeastRole(Role Role);
