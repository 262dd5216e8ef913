using System.Collections.Concurrent;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>
/// Holds a link to every host: the one in this process, those whose agents share its data folder, and all whose agents have registered with
/// any replica of this service.
/// </summary>
internal sealed class HostLinks(
    IDbContextFactory<ComputeDbContext> databases,
    HostDirectory hosts,
    GuestReports reports,
    IHttpClientFactory clients,
    ServiceKey serviceKey,
    IConfiguration configuration,
    TimeProvider time,
    ILoggerFactory logs,
    IEnumerable<IHostAgent> agentsHere) : IReconciler, IAsyncDisposable
{
    /// <summary>The name of the HTTP client for agents.</summary>
    public const string Client = "host-agent";

    private static readonly TimeSpan CallLimit = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, (HostLink Link, Task Running)> _links = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Links to every host that has no link yet, or whose agent listens elsewhere now.</summary>
    public async Task ReconcileAsync(CancellationToken ct)
    {
        foreach (var (number, here) in agentsHere.Index())
        {
            _links.GetOrAdd($"here-{number}", _ => Run(here, null));
        }

        foreach (var url in AgentAddresses.Read(configuration["Cloud:Data"]!))
        {
            Link(url);
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var host in await db.Hosts.AsNoTracking().Where(host => host.Url != null).ToListAsync(ct))
        {
            Link(host.Url!);
        }

        await hosts.LinkNetworksAsync(ct);
    }

    /// <summary>Links to the agent at an address, once.</summary>
    public void Link(Uri url) => _links.GetOrAdd(url.ToString(), _ => Run(AgentAt(url), url));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_links.Values.Select(link => link.Running));
        _stopping.Dispose();
    }

    private (HostLink, Task) Run(IHostAgent agent, Uri? url)
    {
        var link = new HostLink(agent, url, hosts, databases, reports, time, logs.CreateLogger<HostLink>());
        return (link, Task.Run(() => link.RunAsync(_stopping.Token)));
    }

    private HttpHostAgent AgentAt(Uri url)
    {
        var http = UnixAddress.Is(url) ? ServiceKeyClient.CreateAt(url, serviceKey) : clients.CreateClient(Client);
        http.BaseAddress = UnixAddress.BaseOf(url);
        http.Timeout = CallLimit;
        return new HttpHostAgent(http);
    }
}
