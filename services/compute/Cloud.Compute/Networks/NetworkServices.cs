using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Networks;

/// <summary>
/// Tells every host's network which servers of the cloud its guests reach: all of them, when one changed, and again from time to time, as
/// an agent that was started anew has forgotten.
/// </summary>
internal sealed class NetworkServices(
    IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts, ReconcilerSignals signals, TimeProvider time) : IReconciler
{
    /// <summary>Rounds after which nothing is looked for where there is no server: what was said of one is committed by then.</summary>
    private const int CalmRounds = 10;

    private static readonly TimeSpan Again = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, (IHostAgent Agent, string Services, DateTimeOffset At)> _told = new(StringComparer.Ordinal);

    private int _calm;

    /// <summary>Something is being said of a server, and is there in a moment.</summary>
    public void Expect()
    {
        Volatile.Write(ref _calm, 0);
        signals.Wake<NetworkServices>();
    }

    public async Task ReconcileAsync(CancellationToken ct)
    {
        if (Interlocked.Increment(ref _calm) > CalmRounds)
        {
            signals.RestUntilWoken<NetworkServices>();
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.NetworkServices.AsNoTracking().Where(row => !row.Gone).OrderBy(row => row.Id).ToListAsync(ct);
        if (rows.Count > 0)
        {
            Volatile.Write(ref _calm, 0);
        }

        // Of two that were said to have one address the newer has it: that the other is gone is on its way.
        var services = rows.GroupBy(row => (row.Project, row.Address)).Select(same => same.Last().ToHost()).ToList();
        var versions = string.Join(' ', rows.Select(row => $"{row.Id}:{row.ToldVersion}"));
        var now = time.GetUtcNow();
        foreach (var (name, agent) in hosts.Known)
        {
            if (_told.TryGetValue(name, out var told) && ReferenceEquals(told.Agent, agent) && told.Services == versions
                && now - told.At < Again)
            {
                continue;
            }

            try
            {
                await agent.SetServicesAsync(services, ct);
                _told[name] = (agent, versions, now);
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
            {
                // It is told when it answers again.
            }
        }
    }
}
