using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Errors;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.ServiceDefaults;

/// <summary>What every process of the cloud has, whichever services it hosts: errors, JSON, roles, waiting, the clock.</summary>
public static class ServiceDefaultsSetup
{
    public static WebApplicationBuilder AddServiceDefaults(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        CloudEnvironment.Add(builder.Configuration);
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.TryAddSingleton<ChangeSignals>();
        builder.Services.Configure<JsonOptions>(options => JsonDefaults.Apply(options.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        builder.Services.AddExceptionHandler<ExceptionResponses>();
        builder.Services.AddProblemDetails();
        builder.Services.AddAuthorizationBuilder().AddRolePolicies();
        return builder;
    }

    /// <summary>The part of the pipeline that comes before authentication.</summary>
    public static WebApplication UseServiceDefaults(this WebApplication app)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = _ => true });
        app.UseStatusCodePages(context => ProblemWriter.WriteAsync(context.HttpContext, context.HttpContext.Response.StatusCode));
        return app;
    }
}
