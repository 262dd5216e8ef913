using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>
/// A route that takes a body of any length and reads it as it comes: uploads. All others take what <see cref="BodyLimits"/> says.
/// </summary>
public static class StreamedBody
{
    /// <summary>Takes off the limit of the body's size, and of the rate at which it must arrive.</summary>
    public static TBuilder WithStreamedBody<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.WithMetadata(new Streamed());
        builder.Add(endpoint =>
        {
            var serve = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context =>
            {
                // Kestrel ends a body that comes slower than 240 bytes a second; a user's line may pause.
                if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
                {
                    rate.MinDataRate = null;
                }

                return serve(context);
            };
        });
        return builder;
    }

    /// <summary>Routing applies the size to the server before the body is read; null is no limit.</summary>
    internal sealed record Streamed : IRequestSizeLimitMetadata
    {
        public long? MaxRequestBodySize => null;
    }
}
