using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>PATCH /v1/volumes/{id}</c>: a merge patch.</summary>
public sealed record PatchVolumeRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public bool? DeletionProtection { get; init; }
}

internal static class PatchVolume
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchVolumeRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, VolumeAction action,
        CancellationToken ct)
    {
        var volume = await action.ChangeAsync(id, caller, ifMatch, "changed", (row, now) =>
        {
            Apply(row, patch, now);
            return Task.CompletedTask;
        }, ct);
        return ResourceResults.Ok(context, VolumeView.From(volume), volume.Version);
    }

    private static void Apply(Volume volume, MergePatch<PatchVolumeRequest> patch, DateTimeOffset now)
    {
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            volume.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            volume.Relabel(LabelPatch.Apply(volume.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.DeletionProtection)))
        {
            volume.Protect(fields.DeletionProtection ?? false, now);
        }
    }
}
