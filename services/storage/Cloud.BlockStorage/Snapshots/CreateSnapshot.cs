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

/// <summary>The body of <c>POST /v1/snapshots</c>: of one volume, or of several.</summary>
public sealed record CreateSnapshotRequest
{
    /// <summary>Of several, the beginning of their names: <c>NAME-1</c>, <c>NAME-2</c>, …</summary>
    public required string Name { get; init; }

    /// <summary>The id of a volume, attached or not.</summary>
    public string? Volume { get; init; }

    /// <summary>The ids of volumes that one instance has, or none: all are kept at one instant.</summary>
    public IReadOnlyList<string>? Volumes { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateSnapshot
{
    /// <summary>More than an instance has.</summary>
    private const int VolumesMax = 16;

    public static async Task<IResult> HandleAsync(
        CreateSnapshotRequest request, Caller caller, WaitQuery wait, HttpContext context, BlockStorageDbContext db, SnapshotWaiter waiter,
        TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        errors.Require(request.Volume is null != request.Volumes is null, "volume", "Give a volume, or volumes.");
        errors.Require(request.Volumes is null or { Count: >= 1 and <= VolumesMax }, "volumes", $"Expected 1 to {VolumesMax}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();
        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        if (request.Volume is { } one)
        {
            var volume = await FindAsync(db, caller, one, "volume", ct);
            var latest = await waiter.WaitAsync((await StartAsync(db, [(volume, request.Name)], labels, time, ct))[0], wait, ct);
            return ResourceResults.Created(context, $"/v1/snapshots/{latest.Id}", SnapshotView.From(latest), latest.Version);
        }

        var wanted = new List<(Volume, string)>();
        for (var at = 0; at < request.Volumes!.Count; at++)
        {
            wanted.Add((await FindAsync(db, caller, request.Volumes[at] ?? "", $"volumes[{at}]", ct), $"{request.Name}-{at + 1}"));
        }

        var views = new List<SnapshotView>();
        foreach (var snapshot in await StartAsync(db, wanted, labels, time, ct))
        {
            views.Add(SnapshotView.From(await waiter.WaitAsync(snapshot, wait, ct)));
        }

        return TypedResults.Created((string?)null, new Page<SnapshotView>(views, null));
    }

    /// <summary>Makes the rows and starts what takes the snapshots, all of them at one instant.</summary>
    /// <param name="root">The root disk of the instance that has them, if that is to be kept too.</param>
    /// <exception cref="CloudException">A volume has no bytes now, a name is taken, a quota used up, or instances differ.</exception>
    public static async Task<IReadOnlyList<Snapshot>> StartAsync(
        BlockStorageDbContext db, IReadOnlyList<(Volume Volume, string Name)> wanted, Labels labels, TimeProvider time,
        CancellationToken ct, RootSnapshot? root = null)
    {
        foreach (var (volume, name) in wanted)
        {
            ResourceName.Require(name, "name");
            volume.RequireBytes();
        }

        if (wanted.DistinctBy(one => one.Volume.Id).Count() != wanted.Count)
        {
            throw CloudException.Invalid("volumes", "A volume is named twice.");
        }

        if (wanted.Select(one => (one.Volume.HostName, one.Volume.Instance)).Distinct().Count() > 1
            || (root is not null && wanted[0].Volume.Instance != root.Instance))
        {
            throw CloudException.Conflict("not-one-instance", "Volumes that are kept at one instant are all of one instance, or of none.");
        }

        var snapshots = wanted.Select(
            one => Snapshot.Create(TypedId.New<SnapshotId>(time), one.Volume, one.Name, labels, time.GetUtcNow())).ToList();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.Quotas().ReserveAsync(snapshots[0].Project, "snapshots", snapshots.Count, ct);
        foreach (var snapshot in snapshots)
        {
            db.Snapshots.Add(snapshot);
            db.AddSnapshotEvent(snapshot, "creating");
        }

        var others = snapshots.Skip(1).Select(snapshot => snapshot.Id).ToList();
        db.Sagas().Start<SnapshotCreateSaga, SnapshotSagaData>(
            new SnapshotSagaData(snapshots[0].Id, others.Count == 0 ? null : others, root), snapshots[0].Id.Value);
        await db.SaveNamedAsync("snapshot", string.Join("' or '", snapshots.Select(snapshot => snapshot.Name)), ct);
        await transaction.CommitAsync(ct);
        return snapshots;
    }

    private static async Task<Volume> FindAsync(BlockStorageDbContext db, Caller caller, string id, string field, CancellationToken ct) =>
        await db.Volumes.AsNoTracking().FindOrDefaultAsync(caller, id, ct)
            ?? throw CloudException.Invalid(field, $"There is no volume '{id}'.");
}
