using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Compute.Placement;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>POST /v1/instances/{id}/migrate</c>.</summary>
public sealed record MigrateInstanceRequest
{
    /// <summary>The name or id of a host; left out, the one with the most room.</summary>
    public string? Host { get; init; }

    /// <summary>
    /// What becomes of a guest that changes memory faster than it is copied, though its processors were slowed down: <c>give-up</c>
    /// leaves it where it is, <c>stop</c> stops it for the rest, <c>post-copy</c> lets it fetch the rest from over there, or stops it
    /// where that cannot be.
    /// </summary>
    public string Policy { get; init; } = "post-copy";

    /// <summary>How long it may go on so before that: 1 to 3600 seconds.</summary>
    public double TimeoutSeconds { get; init; } = 30;
}

/// <summary>
/// Has an instance go on on another host, with its volumes and snapshots. A virtual machine runs on, its address, ports and connections
/// stay. A simulated one is suspended for the way, a container is stopped and started there; what does not run goes as it is, and what is
/// paused is suspended then.
/// </summary>
internal static class MigrateInstance
{
    private const double TimeoutSecondsMin = 1;
    private const double TimeoutSecondsMax = 3600;

    public static async Task<IResult> HandleAsync(
        string id, MigrateInstanceRequest? request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        ComputeDbContext db, InstanceAction action, InstanceWaiter waiter, HostDirectory hosts, CancellationToken ct)
    {
        request ??= new MigrateInstanceRequest();
        var errors = new FieldErrors();
        errors.Require(request.Policy is "give-up" or "post-copy" or "stop", "policy", "Expected give-up, post-copy or stop.");
        errors.Require(
            request.TimeoutSeconds is >= TimeoutSecondsMin and <= TimeoutSecondsMax, "timeoutSeconds",
            $"Expected {TimeoutSecondsMin} to {TimeoutSecondsMax}.");
        errors.ThrowIfAny();
        var asked = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var named = request.Host is { } name ? (await db.Hosts.AsNoTracking().FindNamedAsync(name, ct)).Name : null;
        if (asked is { Status: InstanceStatus.Running, MovesRunning: true } && asked.HostName != named)
        {
            // What cannot go at all is refused before anything begins.
            await hosts.AgentOf(asked.HostName).DescribeDepartureAsync(asked.Id.Value, ct);
        }

        var instance = await action.ChangeAsync(id, caller, ifMatch, async (row, now) =>
        {
            await BeginAsync(db, hosts, row, named, request.Policy, request.TimeoutSeconds, now, ct);
            return "migrating";
        }, ct);
        var latest = await waiter.WaitAsync(instance, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, InstanceView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, InstanceView.From(latest), latest.Version);
    }

    /// <summary>Chooses the host, and starts the saga in the same save.</summary>
    /// <param name="host">Which host; null for the one with the most room.</param>
    /// <exception cref="CloudException">It cannot go, or no host can take it.</exception>
    public static async Task BeginAsync(
        ComputeDbContext db, HostDirectory hosts, Instance row, string? host, string policy, double timeoutSeconds, DateTimeOffset now,
        CancellationToken ct)
    {
        var from = row.HostName!;
        var placement = new PlacementRequest(
            row.BootsFrom?.Architecture ?? "", row.Engine ?? "", row.Vcpus, row.MemoryBytes, new Labels(new Dictionary<string, string>()));
        var verdicts = (await hosts.JudgeAsync(db, placement, ct))
            .Where(verdict => host is null ? verdict.Host != from : verdict.Host == host).ToList();
        var to = host == from ? host : verdicts.FirstOrDefault(verdict => verdict.Refused is null)?.Host
            ?? throw NoHost(verdicts);
        row.BeginMigrate(new InstanceMigration(from, to, policy, timeoutSeconds, now), now);
        db.Sagas().Start<InstanceMigrateSaga, InstanceMigrateSagaData>(new InstanceMigrateSagaData(row.Id, from, to), row.Id.Value);
    }

    private static CloudException NoHost(List<HostVerdict> verdicts) => CloudException.Conflict(
        "no-capacity",
        verdicts.Count == 0
            ? "There is no other host."
            : "No host can take it: " + string.Join(" ", verdicts.Select(verdict => $"{verdict.Host}: {verdict.Refused}")));
}
