namespace Cloud.Compute.Host.Guests;

/// <summary>Finds this host's guests at the start of the process; until then every call waits.</summary>
internal sealed class GuestsService(HostAgent agent) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => agent.AdoptAllAsync(stoppingToken);
}
