using Cloud.Gateway.Events;
using Cloud.Gateway.Health;
using Cloud.Gateway.Limits;
using Cloud.Gateway.Persistence;
using Cloud.Gateway.Refusals;
using Cloud.Gateway.Routes;
using Cloud.Gateway.Swagger;
using Cloud.Gateway.Tokens;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Health;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.Gateway;

/// <summary>
/// All of the gateway, for its own process and for one that hosts the services too. A service with a URL below <c>Cloud:Services</c> is
/// called there; the endpoints of the others are mapped in this process, behind the same pipeline.
/// </summary>
public static class GatewaySetup
{
    /// <summary>The name of the gateway: its database, its queue, its document.</summary>
    public const string Name = "gateway";

    /// <summary>After the services that are hosted in the same process.</summary>
    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var remote = new RemoteServices(builder.Configuration);
        services.AddOptions<GatewayOptions>().BindConfiguration("Cloud:Gateway").ValidateDataAnnotations().ValidateOnStart();
        builder.AddServiceDocument(Name, "Gateway", "Events, health and metrics of the whole cloud.");
        builder.AddCloudDatabase<GatewayDbContext>(Name);
        builder.AddServiceMessaging<GatewayDbContext>(Name, messaging =>
        {
            messaging.AddHandler<ResourceEvent, RecordEvent>();
            messaging.AddHandler<TokenRevoked, TokenRevokedHandler>();
            messaging.AddReconciler<EventRetention>(TimeSpan.FromMinutes(10));
        });
        services.AddSingleton<EventSignal>();
        services.AddSingleton<IInterceptor, EventCommits>();
        services.AddSingleton<EventFeed>();
        services.AddHostedService(provider => provider.GetRequiredService<EventFeed>());
        services.AddSingleton<StreamEvents>();
        services.AddSingleton<RefusedCalls>();
        services.AddHostedService(provider => provider.GetRequiredService<RefusedCalls>());
        services.AddSingleton<CallLimits>();
        services.AddSingleton<KnownTokens>();
        services.AddHttpForwarder();
        services.AddSingleton(remote);
        services.AddSingleton<ServiceProxy>();
        services.AddServiceHealth(remote);
        AddTokenExchange(services, remote);
        // Who calls is learnt by CallerStep, from a token that no scheme of the services knows.
        services.PostConfigure<AuthenticationOptions>(options => options.DefaultScheme = null);
        return builder;
    }

    /// <summary>The pipeline of every call, up to the endpoints.</summary>
    public static WebApplication UseGateway(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseServiceDefaults();
        app.UseMiddleware<CallerStep>();
        app.UseWebSockets();
        // Left out, the framework puts it before all others.
        app.UseAuthentication();
        app.UseAuthorization();
        return app;
    }

    /// <summary>The gateway's own endpoints, and the paths of the services in other processes.</summary>
    public static void MapGateway(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        var own = routes.MapGroup("").WithGroupName(Name);
        own.MapEvents();
        own.MapHealth();
        own.MapMetrics();
        routes.MapSwaggerPage();
        routes.MapServiceDocuments();
        routes.MapRemoteServices();
    }

    private static void AddTokenExchange(IServiceCollection services, RemoteServices remote)
    {
        if (remote.All.FirstOrDefault(service => service.Routes.Service == "identity") is not { } identity)
        {
            return;
        }

        services.AddHttpClient(TokenExchangeClient.Client, client =>
        {
            client.BaseAddress = identity.Address;
            client.Timeout = TimeSpan.FromSeconds(5);
        }).AddServiceKey();
        services.TryAddSingleton<ITokenExchange, TokenExchangeClient>();
    }
}
