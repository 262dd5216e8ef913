using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.KeyPairs;

/// <summary>The body of <c>PATCH /v1/key-pairs/{id}</c>: a merge patch.</summary>
public sealed record PatchKeyPairRequest
{
    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchKeyPair
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchKeyPairRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, ComputeDbContext db,
        TimeProvider time, CancellationToken ct)
    {
        var keyPair = await db.KeyPairs.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(keyPair.Version);
        if (patch.Has(nameof(patch.Fields.Labels)))
        {
            keyPair.Relabel(LabelPatch.Apply(keyPair.Labels, patch.Fields.Labels), time.GetUtcNow());
        }

        db.AddResourceEvent("key-pair.changed", keyPair.Project, keyPair.Id.Value, KeyPairView.From(keyPair));
        await db.SaveChangesAsync(ct);
        return ResourceResults.Ok(context, KeyPairView.From(keyPair), keyPair.Version);
    }
}
