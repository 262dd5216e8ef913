using System.Net;
using Cloud.Compute.Host.Api;
using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Network;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.ServiceDefaults.Auth;
using Cloud.Vmm;
using Cloud.Vmm.Oci;
using Cloud.Vmm.Qemu;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host;

/// <summary>All of a host's agent.</summary>
public static class HostSetup
{
    public static WebApplicationBuilder AddComputeHost(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var data = builder.Configuration["Cloud:Data"]!;
        builder.Services.AddOptions<HostOptions>()
            .Configure(options =>
            {
                var name = builder.Configuration["Cloud:Host:Name"];
                options.Folder = Path.Combine(data, name ?? "host");
                options.VolumeKeyFile = Path.Combine(data, "secrets", name is null ? "volumes.key" : $"volumes-{name}.key");
            })
            .BindConfiguration("Cloud:Host").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(services =>
        {
            var host = services.GetRequiredService<IOptions<HostOptions>>().Value;
            return new QemuOptions
            {
                StateFolder = host.Folder,
                GuestUidFirst = host.GuestUidFirst,
                GuestUidCount = host.GuestUidCount,
            };
        });
        builder.Services.AddSingleton(services =>
        {
            var host = services.GetRequiredService<IOptions<HostOptions>>().Value;
            return new OciOptions
            {
                StateFolder = host.Folder,
                ListenerAddress = IPAddress.Parse(host.ListenerAddress),
                ListenerNetwork = host.MachineNetwork,
            };
        });
        builder.Services.AddSingleton<QemuDriver>();
        builder.Services.AddSingleton<OciDriver>();
        builder.Services.AddSingleton<IVmDriver, EngineDrivers>();
        builder.Services.AddSingleton<ContainerImages>();
        builder.Services.AddSingleton<QemuDiskMaker>();
        builder.Services.AddSingleton<IDiskMaker, RootMaker>();
        builder.Services.AddSingleton<GuestNetwork>();
        builder.Services.AddSingleton<VolumeFiles>();
        builder.Services.AddSingleton<SnapshotFiles>();
        builder.Services.AddSingleton<HostAgent>();
        builder.Services.AddSingleton<IHostAgent>(services => services.GetRequiredService<HostAgent>());
        builder.Services.AddHostedService<GuestsService>();
        builder.Services.AddHostedService<LayerMerger>();
        builder.Services.AddHostedService<RootMerger>();
        return builder;
    }

    /// <summary>
    /// For a process of its own: tells the compute service, at <c>Cloud:Services:Compute</c>, where this agent listens; without that,
    /// writes it down where it lies in the data folder that both have.
    /// </summary>
    public static WebApplicationBuilder AddHostRegistrar(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (builder.Configuration["Cloud:Services:Compute"] is not { Length: > 0 } compute)
        {
            builder.Services.AddHostedService<HostAddressFile>();
            return builder;
        }

        var address = UnixAddress.OfListener(compute);
        var client = builder.Services.AddHttpClient(HostRegistrar.Client, client => client.BaseAddress = UnixAddress.BaseOf(address))
            .AddServiceKey();
        if (UnixAddress.Is(address))
        {
            client.ConfigurePrimaryHttpMessageHandler(() => UnixAddress.HandlerTo(address));
        }

        builder.Services.AddHostedService<HostRegistrar>();
        return builder;
    }

    public static void MapComputeHost(this IEndpointRouteBuilder routes) => routes.MapHostApi();
}
