using Cloud.BlockStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>The body of <c>PATCH /v1/snapshots/{id}</c>: a merge patch.</summary>
public sealed record PatchSnapshotRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchSnapshot
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchSnapshotRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, BlockStorageDbContext db,
        SnapshotChanges changes, CancellationToken ct)
    {
        var found = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        await changes.ApplyAsync(found.Id, "changed", (_, row, now) =>
        {
            ifMatch.Require(row.Version);
            var fields = patch.Fields;
            if (patch.Has(nameof(fields.Name)))
            {
                row.Rename(ResourceName.Require(fields.Name, "name"), now);
            }

            if (patch.Has(nameof(fields.Labels)))
            {
                row.Relabel(LabelPatch.Apply(row.Labels, fields.Labels), now);
            }

            return Task.FromResult(true);
        }, ct);
        var snapshot = await db.Snapshots.AsNoTracking().SingleAsync(row => row.Id == found.Id, ct);
        return ResourceResults.Ok(context, SnapshotView.From(snapshot), snapshot.Version);
    }
}
