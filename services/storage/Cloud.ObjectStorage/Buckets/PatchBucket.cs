using Cloud.ObjectStorage.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>The body of <c>PATCH /v1/buckets/{id}</c>: a merge patch.</summary>
public sealed record PatchBucketRequest
{
    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    /// <summary>Null for <c>private</c>.</summary>
    public BucketVisibility? Visibility { get; init; }

    /// <summary>Once true, false suspends it: older versions stay.</summary>
    public bool? Versioning { get; init; }
}

internal static class PatchBucket
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchBucketRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, ObjectStorageDbContext db,
        BucketStore known, TimeProvider time, CancellationToken ct)
    {
        var bucket = await db.Buckets.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(bucket.Version);
        var now = time.GetUtcNow();
        if (patch.Has(nameof(patch.Fields.Labels)))
        {
            bucket.Relabel(LabelPatch.Apply(bucket.Labels, patch.Fields.Labels), now);
        }

        if (patch.Has(nameof(patch.Fields.Visibility)))
        {
            bucket.Configure(bucket.Settings with { PublicRead = patch.Fields.Visibility == BucketVisibility.Public }, now);
        }

        if (patch.Has(nameof(patch.Fields.Versioning)))
        {
            bucket.SetVersioning(patch.Fields.Versioning == true ? Versioning.Enabled : Versioning.Off, now);
        }

        var view = await db.ViewAsync(bucket, ct);
        db.AddBucketEvent("bucket.changed", bucket, view.ObjectCount, view.SizeBytes);
        await db.SaveChangesAsync(ct);
        known.Forget(bucket.Name);
        return ResourceResults.Ok(context, await db.ViewAsync(bucket, ct), bucket.Version);
    }
}
