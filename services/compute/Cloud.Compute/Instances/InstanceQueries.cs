using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>Look-ups of instances, scoped by the caller's project.</summary>
internal static class InstanceQueries
{
    /// <summary>All but the deleted, whose rows stay for the answer to a second DELETE.</summary>
    public static IQueryable<Instance> Existing(this IQueryable<Instance> instances) =>
        instances.Where(instance => instance.Status != InstanceStatus.Deleted);

    /// <exception cref="CloudException">The project has no such instance.</exception>
    public static async Task<Instance> FindVisibleAsync(
        this IQueryable<Instance> instances, Caller caller, string id, CancellationToken ct) =>
        InstanceId.TryParse(id, out var instanceId)
        && await instances.Existing().SingleOrDefaultAsync(
            instance => instance.Id == instanceId && instance.Project == caller.Project, ct) is { } found
            ? found
            : throw CloudException.NotFound("instance", id);

    /// <summary>Starts an instance that ended against its user's will, in the same save.</summary>
    public static void BeginRestart(this ComputeDbContext db, Instance instance, DateTimeOffset now)
    {
        instance.BeginStart(now);
        db.Sagas().Start<InstanceStartSaga, InstanceSagaData>(new InstanceSagaData(instance.Id), instance.Id.Value);
        db.AddInstanceEvent(instance, "starting");
    }

    /// <summary>Says in the same save that an instance has changed: the event for its users, and the wake-up of who waits for it.</summary>
    public static void AddInstanceEvent(this ComputeDbContext db, Instance instance, string what) =>
        db.AddResourceEvent($"instance.{what}", instance.Project, instance.Id.Value, InstanceView.From(instance));
}
