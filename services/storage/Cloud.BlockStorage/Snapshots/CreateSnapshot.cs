using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Volumes;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>The body of <c>POST /v1/snapshots</c>.</summary>
public sealed record CreateSnapshotRequest
{
    public required string Name { get; init; }

    /// <summary>The id of a volume, attached or not.</summary>
    public required string Volume { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateSnapshot
{
    public static async Task<IResult> HandleAsync(
        CreateSnapshotRequest request, Caller caller, WaitQuery wait, HttpContext context, BlockStorageDbContext db, SnapshotWaiter waiter,
        TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();
        var volume = await db.Volumes.AsNoTracking().FindOrDefaultAsync(caller, request.Volume, ct)
            ?? throw CloudException.Invalid("volume", $"There is no volume '{request.Volume}'.");
        volume.RequireBytes();

        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        var snapshot = Snapshot.Create(TypedId.New<SnapshotId>(time), volume, request.Name, labels, time.GetUtcNow());
        await using (var transaction = await db.Database.BeginTransactionAsync(ct))
        {
            await db.Quotas().ReserveAsync(caller.Project, "snapshots", 1, ct);
            db.Snapshots.Add(snapshot);
            db.Sagas().Start<SnapshotCreateSaga, SnapshotSagaData>(new SnapshotSagaData(snapshot.Id), snapshot.Id.Value);
            db.AddSnapshotEvent(snapshot, "creating");
            await db.SaveNamedAsync("snapshot", snapshot.Name, ct);
            await transaction.CommitAsync(ct);
        }

        var latest = await waiter.WaitAsync(snapshot, wait, ct);
        return ResourceResults.Created(context, $"/v1/snapshots/{latest.Id}", SnapshotView.From(latest), latest.Version);
    }
}
