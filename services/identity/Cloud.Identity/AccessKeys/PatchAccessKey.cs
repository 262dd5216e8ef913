using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.AccessKeys;

/// <summary>The body of <c>PATCH /v1/access-keys/{id}</c>: a merge patch. What a key may is never changed: make another one.</summary>
public sealed record PatchAccessKeyRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchAccessKey
{
    public static async Task<IResult> HandleAsync(
        string id,
        MergePatch<PatchAccessKeyRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        TimeProvider time,
        CancellationToken ct)
    {
        var key = await db.AccessKeys.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(key.Version);
        var now = time.GetUtcNow();
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            key.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            key.Relabel(LabelPatch.Apply(key.Labels, fields.Labels), now);
        }

        db.AddResourceEvent("access-key.changed", key.Project.Value, key.Id.Value, AccessKeyView.From(key, now));
        await db.SaveNewAsync("access key", key.Name, ct);
        return ResourceResults.Ok(context, AccessKeyView.From(key, now), key.Version);
    }
}
