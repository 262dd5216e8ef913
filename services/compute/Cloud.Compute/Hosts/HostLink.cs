using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

/// <summary>
/// Keeps what the cloud knows of one host true for as long as it runs: its description, and every guest's report as soon as it changes.
/// </summary>
internal sealed partial class HostLink(
    IHostAgent agent,
    Uri? url,
    HostDirectory hosts,
    IDbContextFactory<ComputeDbContext> databases,
    GuestReports reports,
    TimeProvider time,
    ILogger<HostLink> log)
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    private string? _name;

    /// <summary>Where its agent listens; null for the one in this process.</summary>
    public Uri? Url => url;

    public async Task RunAsync(CancellationToken ct)
    {
        var generation = 0L;
        var lost = false;
        while (true)
        {
            try
            {
                await DescribeAsync(ct);
                lost = false;
                var changes = await agent.WatchAsync(generation, ct);
                foreach (var report in changes.Changed)
                {
                    await reports.TakeAsync(_name!, report, ct);
                }

                generation = changes.Generation;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failed)
            {
                if (!lost)
                {
                    LogFailed(log, failed, url);
                }

                if (_name is { } name)
                {
                    hosts.FallSilent(name);
                }

                lost = true;
                await Task.Delay(TryAgain, time, ct).ContinueWith(_ => { }, TaskScheduler.Default);
            }
        }
    }

    private async Task DescribeAsync(CancellationToken ct)
    {
        var report = await agent.DescribeAsync(ct);
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var host = await db.Hosts.SingleOrDefaultAsync(host => host.Name == report.Name, ct);
        if (host is null)
        {
            host = ComputeHost.Create(TypedId.New<HostId>(time), report, url, now);
            db.Hosts.Add(host);
            await db.SaveChangesAsync(ct);
        }
        else if (now - host.SeenAt > HostDirectory.ReachableFor / 3 || !hosts.Knows(host.Name, agent) || host.Url != url)
        {
            host.Describe(report, url, now);
            await db.SaveChangesAsync(ct);
        }

        _name = host.Name;
        hosts.Know(host.Id, host.Name, agent, report.SwitchFolder);
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Warning, Message = "The agent of a host does not answer ({Url})")]
    private static partial void LogFailed(ILogger log, Exception exception, Uri? url);
}
