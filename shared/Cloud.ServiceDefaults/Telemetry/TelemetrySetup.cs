using System.Diagnostics.Metrics;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Cloud.ServiceDefaults.Telemetry;

/// <summary>
/// Logs to the console, metrics for Prometheus to fetch, and both metrics and traces by OTLP where <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> names
/// a collector. Without one nothing is recorded of single calls, so that they cost nothing.
/// </summary>
public static class TelemetrySetup
{
    /// <summary>The meters and sources of the cloud's own code.</summary>
    private const string Own = "Cloud.*";

    private static readonly string[] Meters = ["MassTransit", "Npgsql", Own];

    /// <summary>
    /// What these tell of every call a collector may want; Prometheus gets <see cref="CallMetrics"/>, which cost next to nothing.
    /// </summary>
    private static readonly string[] FrameworkMeters =
        ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Net.Http"];

    /// <summary>Somebody collects spans and metrics by OTLP.</summary>
    public static bool Exports(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return !string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
    }

    internal static void AddTelemetry(this WebApplicationBuilder builder)
    {
        AddLogging(builder.Logging);
        builder.Services.TryAddSingleton<CallMetrics>();
        var exports = Exports(builder.Configuration);
        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(
                resource => resource.AddService(builder.Configuration["OTEL_SERVICE_NAME"] ?? builder.Environment.ApplicationName))
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(Meters).AddRuntimeInstrumentation().AddView(RoomOf).AddPrometheusExporter();
                if (exports)
                {
                    metrics.AddMeter(FrameworkMeters).AddOtlpExporter();
                }
            });
        if (exports)
        {
            telemetry.WithTracing(traces => traces
                .AddSource(Own, "MassTransit", "Npgsql")
                .AddAspNetCoreInstrumentation()
                .AddHttpClientInstrumentation()
                .AddOtlpExporter());
        }
    }

    /// <summary><c>/metrics</c> as Prometheus reads it. For admins: it tells of all projects.</summary>
    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        var metrics = routes.MapPrometheusScrapingEndpoint();
        return string.Equals(
            routes.ServiceProvider.GetRequiredService<IConfiguration>()["Cloud:Metrics:Anonymous"], bool.TrueString,
            StringComparison.OrdinalIgnoreCase)
            ? metrics.AllowAnonymous()
            : metrics.RequireRole(Role.Admin);
    }

    /// <summary>The room for an instrument's series is taken at once: the usual 2,000 of each of them are 9 MiB.</summary>
    private static MetricStreamConfiguration? RoomOf(Instrument instrument) => instrument.Meter.Name switch
    {
        CallMetrics.MeterName => null,
        "System.Runtime" => new MetricStreamConfiguration { CardinalityLimit = 50 },
        _ => new MetricStreamConfiguration { CardinalityLimit = 500 },
    };

    private static void AddLogging(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        });
        // What these find wrong is answered or logged by whoever asked: a name that is taken is no error of ours, nor is a part that is not
        // ready yet.
        foreach (var told in new[]
        {
            "Microsoft.EntityFrameworkCore.Database.Command", "Microsoft.EntityFrameworkCore.Database.Transaction",
            "Microsoft.EntityFrameworkCore.Update", "Microsoft.EntityFrameworkCore.Query",
            "Microsoft.Extensions.Diagnostics.HealthChecks", "Yarp.ReverseProxy.Forwarder",
        })
        {
            logging.AddFilter(told, LogLevel.Critical);
        }

        foreach (var chatty in new[]
        {
            "Microsoft.AspNetCore", "Microsoft.EntityFrameworkCore", "System.Net.Http.HttpClient", "Yarp", "MassTransit",
        })
        {
            logging.AddFilter(chatty, LogLevel.Warning);
        }
    }
}
