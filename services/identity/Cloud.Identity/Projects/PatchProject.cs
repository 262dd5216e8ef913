using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Projects;

/// <summary>The body of <c>PATCH /v1/projects/{id}</c>: a merge patch.</summary>
public sealed record PatchProjectRequest
{
    /// <summary>Admins only: others' scripts name the project by it.</summary>
    public string? Name { get; init; }

    /// <summary>At most 1000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }
}

internal static class PatchProject
{
    public static async Task<IResult> HandleAsync(
        string id,
        MergePatch<PatchProjectRequest> patch,
        Caller caller,
        IfMatch ifMatch,
        HttpContext context,
        IdentityDbContext db,
        TimeProvider time,
        CancellationToken ct)
    {
        var project = await db.Projects.FindVisibleAsync(caller, id, ct);
        ifMatch.Require(project.Version);
        var now = time.GetUtcNow();
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)) && ResourceName.Require(fields.Name, "name") != project.Name)
        {
            if (!caller.IsAdmin)
            {
                throw new CloudException(ErrorKind.Forbidden, "forbidden", "Only an admin renames a project.");
            }

            project.Rename(fields.Name!, now);
        }

        if (patch.Has(nameof(fields.Description)))
        {
            var errors = new FieldErrors();
            ProjectRules.CheckDescription(fields.Description, errors);
            errors.ThrowIfAny();
            project.Describe(fields.Description ?? "", now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            project.Relabel(LabelPatch.Apply(project.Labels, fields.Labels), now);
        }

        db.AddResourceEvent("project.changed", project.Id.Value, project.Id.Value, ProjectView.From(project));
        await db.SaveNewAsync("project", project.Name, ct);
        return ResourceResults.Ok(context, ProjectView.From(project), project.Version);
    }
}
