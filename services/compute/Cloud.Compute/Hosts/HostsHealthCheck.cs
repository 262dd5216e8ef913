using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Compute.Hosts;

/// <summary>Healthy when this process has reached a host's agent: before that no instance can be placed.</summary>
internal sealed class HostsHealthCheck(HostDirectory hosts) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        hosts.Known is { Count: > 0 } known
            ? HealthCheckResult.Healthy($"{known.Count} known")
            : HealthCheckResult.Unhealthy("No host's agent has answered yet."));
}
