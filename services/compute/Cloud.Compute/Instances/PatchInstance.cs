using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>PATCH /v1/instances/{id}</c>: a merge patch.</summary>
public sealed record PatchInstanceRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public bool? DeletionProtection { get; init; }

    public RestartPolicy? RestartPolicy { get; init; }
}

internal static class PatchInstance
{
    public static async Task<IResult> HandleAsync(
        string id,
        MergePatch<PatchInstanceRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        InstanceAction action,
        CancellationToken ct)
    {
        var instance = await action.ChangeAsync(id, caller, ifMatch, (row, now) =>
        {
            Apply(row, patch, now);
            return Task.FromResult("changed");
        }, ct);
        return ResourceResults.Ok(context, InstanceView.From(instance), instance.Version);
    }

    private static void Apply(Instance instance, MergePatch<PatchInstanceRequest> patch, DateTimeOffset now)
    {
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            instance.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            instance.Relabel(LabelPatch.Apply(instance.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.DeletionProtection)))
        {
            instance.Protect(fields.DeletionProtection ?? false, now);
        }

        if (patch.Has(nameof(fields.RestartPolicy)))
        {
            instance.Restarts(fields.RestartPolicy ?? RestartPolicy.OnFailure, now);
        }
    }
}
