using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Hosts;

/// <summary>Takes a host out of use: it gets no more instances, and those that run on it go to others one after the other.</summary>
internal static class DrainHost
{
    public static Task<IResult> HandleAsync(
        string id, IfMatch ifMatch, HttpContext context, ComputeDbContext db, HostDirectory hosts, ReconcilerSignals signals,
        TimeProvider time, CancellationToken ct) =>
        ChangeAsync(id, ifMatch, context, db, hosts, signals, time, (host, now) => host.Drain(now), ct);

    public static async Task<IResult> ChangeAsync(
        string id, IfMatch ifMatch, HttpContext context, ComputeDbContext db, HostDirectory hosts, ReconcilerSignals signals,
        TimeProvider time, Action<ComputeHost, DateTimeOffset> change, CancellationToken ct)
    {
        var host = await db.Hosts.FindNamedAsync(id, ct);
        ifMatch.Require(host.Version);
        change(host, time.GetUtcNow());
        await db.SaveChangesAsync(ct);
        signals.Wake<HostDrains>();
        return ResourceResults.Ok(context, await HostView.FromAsync(host, db, hosts, time.GetUtcNow(), ct), host.Version);
    }
}
