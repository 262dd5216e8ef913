using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.Errors;
using Cloud.ServiceDefaults.Health;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Memory;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.ServiceDefaults;

/// <summary>
/// What every process of the cloud has, whichever services it hosts: errors, JSON, callers, idempotency, telemetry, health, the clock.
/// </summary>
public static class ServiceDefaultsSetup
{
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        CloudEnvironment.Add(builder.Configuration);
        builder.AddTelemetry();
        builder.AddCallerAuth();
        var services = builder.Services;
        services.TryAddSingleton(TimeProvider.System);
        services.Configure<KestrelServerOptions>(BodyLimits.Apply);
        services.Configure<JsonOptions>(options => JsonDefaults.Apply(options.SerializerOptions));
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddHealthChecks();
        services.TryAddSingleton<HealthReports>();
        services.TryAddSingleton<ExceptionResponses>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AuthorizationResponses>();
        services.TryAddSingleton<CallTurns>();
        services.TryAddSingleton<ResourceReads>();
        services.TryAddSingleton<AnswerSecret>();
        if (builder.Configuration["Cloud:Profile"] is not null)
        {
            services.AddHostedService<StartMemory>();
        }

        return builder;
    }

    /// <summary>The part of the pipeline that comes before authentication.</summary>
    public static WebApplication UseServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseMiddleware<CallEdge>();
        return app;
    }

    /// <summary>
    /// What a service's own process serves beside the service: its document, its health, its metrics. The gateway has its own of these.
    /// </summary>
    public static void MapServiceDefaults(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        routes.MapServiceDocuments();
        routes.MapHealth();
        routes.MapMetrics();
    }
}
