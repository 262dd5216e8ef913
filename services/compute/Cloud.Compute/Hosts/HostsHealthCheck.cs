using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Compute.Hosts;

/// <summary>Healthy when a host's agent answers this process: else no instance can be placed or reached.</summary>
internal sealed class HostsHealthCheck(HostDirectory hosts) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) => Task.FromResult(
        hosts.Count is { Answering: > 0 } count
            ? HealthCheckResult.Healthy($"{count.Answering} answering, {count.Silent} silent")
            : HealthCheckResult.Unhealthy("No host's agent answers."));
}
