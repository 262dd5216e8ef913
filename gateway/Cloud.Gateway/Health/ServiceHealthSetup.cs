using Cloud.Gateway.Routes;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Cloud.Gateway.Health;

internal static class ServiceHealthSetup
{
    private static readonly TimeSpan AskLimit = TimeSpan.FromSeconds(2);

    /// <summary>Has <c>/health/ready</c> ask every service that is in another process.</summary>
    public static void AddServiceHealth(this IServiceCollection services, RemoteServices remote)
    {
        services.AddHttpClient(ServiceHealth.Client, client => client.Timeout = AskLimit);
        var checks = services.AddHealthChecks();
        foreach (var service in remote.All)
        {
            checks.Add(new HealthCheckRegistration(
                service.Routes.Service, provider => ActivatorUtilities.CreateInstance<ServiceHealth>(provider, service),
                HealthStatus.Unhealthy, null));
        }
    }
}
