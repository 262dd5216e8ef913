using Cloud.Compute.Host.Contracts;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host;

/// <summary>Tells a control plane in another process where this agent listens.</summary>
internal sealed partial class HostRegistrar(
    IHttpClientFactory clients, IServer server, IHostApplicationLifetime lifetime, IOptions<HostOptions> options, TimeProvider time,
    ILogger<HostRegistrar> log)
    : BackgroundService
{
    /// <summary>The name of the client whose base address is the compute service.</summary>
    public const string Client = "compute";

    private static readonly TimeSpan Again = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, time, lifetime.ApplicationStarted).ContinueWith(_ => { }, TaskScheduler.Default);
        var address = server.Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var told = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                using var response = await clients.CreateClient(Client).PostAsJsonAsync(
                    "/internal/v1/hosts", new HostRegistration(options.Value.Name, UnixAddress.OfListener(address)), stoppingToken);
                response.EnsureSuccessStatusCode();
                told = true;
                await Task.Delay(Again, time, stoppingToken);
            }
            catch (Exception failed)
                when (failed is HttpRequestException or TaskCanceledException && !stoppingToken.IsCancellationRequested)
            {
                if (told)
                {
                    LogLost(log, failed.Message);
                }

                told = false;
                await Task.Delay(TryAgain, time, stoppingToken);
            }
        }
    }

    [LoggerMessage(EventId = 3003, Level = LogLevel.Warning, Message = "The compute service does not answer: {Reason}")]
    private static partial void LogLost(ILogger log, string reason);
}
