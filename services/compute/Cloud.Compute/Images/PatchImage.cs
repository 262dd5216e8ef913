using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Images;

/// <summary>The body of <c>PATCH /v1/images/{id}</c>: a merge patch.</summary>
public sealed record PatchImageRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchImage
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchImageRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, ComputeDbContext db,
        TimeProvider time, CancellationToken ct)
    {
        var image = await db.Images.FindVisibleAsync(caller, id, ct);
        if (image.Project is null)
        {
            throw CloudException.Conflict("built-in", $"Image '{image.Name}' is the cloud's own; it cannot be changed.");
        }

        ifMatch.Require(image.Version);
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            image.Rename(ResourceName.Require(fields.Name, "name"), time.GetUtcNow());
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            image.Relabel(LabelPatch.Apply(image.Labels, fields.Labels), time.GetUtcNow());
        }

        db.AddImageEvent(image);
        await db.SaveNewAsync("image", image.Name, ct);
        return ResourceResults.Ok(context, ImageView.From(image), image.Version);
    }
}
