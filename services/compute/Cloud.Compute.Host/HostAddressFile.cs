using System.Text;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host;

/// <summary>
/// Writes down where this agent listens, for a control plane that shares its data folder and takes no calls of processes.
/// </summary>
internal sealed class HostAddressFile(
    IServer server, IHostApplicationLifetime lifetime, IConfiguration configuration, IOptions<HostOptions> options) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(Write);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private void Write()
    {
        var folder = Directory.CreateDirectory(AgentAddresses.FolderIn(configuration["Cloud:Data"]!)).FullName;
        DurableFile.Write(
            Path.Combine(folder, options.Value.Name),
            Encoding.UTF8.GetBytes(UnixAddress.OfListener(server.Features.Get<IServerAddressesFeature>()!.Addresses.First()).ToString()));
    }
}
