using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>The body of <c>POST /v1/instances/{id}/snapshot</c>.</summary>
public sealed record CreateInstanceSnapshotRequest
{
    /// <summary>Unique among the project's snapshots of instances.</summary>
    public required string Name { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>Keeps what a running instance is now; it runs on.</summary>
internal static class CreateInstanceSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, CreateInstanceSnapshotRequest request, Caller caller, WaitQuery wait, HttpContext context, ComputeDbContext db,
        InstanceSnapshotWaiter waiter, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        instance.RequireKept("snapshot");

        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        var snapshot = InstanceSnapshot.Create(
            TypedId.New<InstanceSnapshotId>(time), instance, request.Name, labels, time.GetUtcNow());
        await using (var transaction = await db.Database.BeginTransactionAsync(ct))
        {
            await db.Quotas().ReserveAsync(caller.Project, InstanceSnapshotSteps.Quota, 1, ct);
            db.InstanceSnapshots.Add(snapshot);
            db.Sagas().Start<InstanceSnapshotCreateSaga, InstanceSnapshotSagaData>(
                new InstanceSnapshotSagaData(snapshot.Id), snapshot.Id.Value);
            db.AddInstanceSnapshotEvent(snapshot, "creating");
            await db.SaveNewAsync("instance snapshot", snapshot.Name, ct);
            await transaction.CommitAsync(ct);
        }

        var latest = await waiter.WaitAsync(snapshot, wait, ct);
        return ResourceResults.Created(context, $"/v1/instance-snapshots/{latest.Id}", InstanceSnapshotView.From(latest), latest.Version);
    }
}
