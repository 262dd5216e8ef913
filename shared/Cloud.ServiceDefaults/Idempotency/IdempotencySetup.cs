using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>
/// <c>Idempotency-Key</c>: a call that is sent again with the same key gets the first answer, and nothing happens twice. What a call
/// changed and that its key is used up are one transaction. Only calls that were carried out count: after a refusal (4xx) or a failure
/// (5xx) that changed nothing, the key is free again.
/// </summary>
public static class IdempotencySetup
{
    /// <summary>Adds the table.</summary>
    public static ModelBuilder AddIdempotency(this ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        return modelBuilder.Entity<IdempotentCall>(call =>
        {
            call.ToTable("IdempotentCalls");
            call.HasKey(row => row.Id);
            call.Ignore(row => row.MadeIds);
            call.HasIndex(row => row.ExpiresAt);
        });
    }

    /// <summary>
    /// Lets all routes of the group that change something take <c>Idempotency-Key</c>. Their handlers save through the scoped
    /// <typeparamref name="TContext"/>; its model has <see cref="AddIdempotency"/>.
    /// </summary>
    public static RouteGroupBuilder WithIdempotency<TContext>(this RouteGroupBuilder group)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(group);
        group.WithMetadata(TakesIdempotencyKey.Instance);
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.RequestDelegate is { } serve && endpoint.Metadata.OfType<IHttpMethodMetadata>().Any(Changes))
            {
                var route = ((RouteEndpointBuilder)endpoint).RoutePattern.RawText ?? "";
                var streamed = endpoint.Metadata.OfType<Edge.StreamedBody.Streamed>().Any();
                endpoint.RequestDelegate = new IdempotentRoute<TContext>(serve, route, streamed).ServeAsync;
            }
        });
        return group;
    }

    internal static bool Changes(IHttpMethodMetadata methods) =>
        methods.HttpMethods.Any(method => !HttpMethods.IsGet(method) && !HttpMethods.IsHead(method) && !HttpMethods.IsOptions(method));
}

/// <summary>For the API's description: routes with it that change something take the header.</summary>
internal sealed class TakesIdempotencyKey
{
    public static readonly TakesIdempotencyKey Instance = new();
}
