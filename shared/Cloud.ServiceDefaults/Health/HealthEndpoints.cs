using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Cloud.ServiceDefaults.Health;

/// <summary>How a process is, for whoever starts and watches it. No token is asked for.</summary>
public static class HealthEndpoints
{
    public const string ReadyPath = "/health/ready";

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        var health = routes.MapGroup("/health").WithTags("Health").AllowAnonymous();
        health.MapGet("/live", GetLive).WithName("GetLive").WithSummary("Says that the process runs")
            .Produces<HealthView>();
        health.MapGet("/ready", GetReadyAsync).WithName("GetReady")
            .WithSummary("Says how each part is; 503 until all that is needed is ready")
            .Produces<HealthView>().Produces<HealthView>(StatusCodes.Status503ServiceUnavailable);
    }

    private static JsonHttpResult<HealthView> GetLive() =>
        TypedResults.Json(new HealthView("live", new Dictionary<string, HealthPart>()), JsonDefaults.Options);

    private static async Task<IResult> GetReadyAsync(HealthReports reports, CancellationToken ct)
    {
        var view = await reports.ReadAsync(ct);
        return TypedResults.Json(
            view, JsonDefaults.Options,
            statusCode: view.Status == HealthReports.Ready ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
