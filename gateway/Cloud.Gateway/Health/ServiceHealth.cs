using System.Text.Json;
using Cloud.Gateway.Routes;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Health;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Gateway.Health;

/// <summary>How a service in another process is, with its own parts.</summary>
internal sealed class ServiceHealth(RemoteService service, IHttpClientFactory clients) : IHealthCheck
{
    /// <summary>The name of the HTTP client.</summary>
    public const string Client = "service-health";

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var name = service.Routes.Service;
        try
        {
            using var answer = await clients.CreateClient(Client)
                .GetAsync(new Uri(service.Address, HealthEndpoints.ReadyPath), cancellationToken);
            await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
            var view = await JsonSerializer.DeserializeAsync<HealthView>(body, JsonDefaults.Options, cancellationToken);
            var parts = new Dictionary<string, object> { [HealthReports.PartsKey] = view!.Parts };
            return answer.IsSuccessStatusCode
                ? HealthCheckResult.Healthy(data: parts)
                : HealthCheckResult.Unhealthy($"The {name} service is not ready.", data: parts);
        }
        catch (Exception failed)
            when (failed is HttpRequestException or JsonException
                || (failed is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return HealthCheckResult.Unhealthy($"The {name} service does not answer.");
        }
    }
}
