using MassTransit;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Messaging;

/// <summary>Healthy while the broker answers. Without it the cloud serves; messages wait.</summary>
internal sealed class RabbitMqHealthCheck(IBusControl bus) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var health = bus.CheckHealth();
        return Task.FromResult(health.Status == BusHealthStatus.Healthy
            ? HealthCheckResult.Healthy("RabbitMQ")
            : HealthCheckResult.Unhealthy("RabbitMQ does not answer; messages wait.", health.Exception));
    }
}
