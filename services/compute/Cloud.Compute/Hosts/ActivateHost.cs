using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Hosts;

/// <summary>Takes a host into use again. What went from it does not come back by itself.</summary>
internal static class ActivateHost
{
    public static Task<IResult> HandleAsync(
        string id, IfMatch ifMatch, HttpContext context, ComputeDbContext db, HostDirectory hosts, ReconcilerSignals signals,
        TimeProvider time, CancellationToken ct) =>
        DrainHost.ChangeAsync(id, ifMatch, context, db, hosts, signals, time, (host, now) => host.Activate(now), ct);
}
