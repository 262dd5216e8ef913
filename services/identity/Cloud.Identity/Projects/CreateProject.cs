using Cloud.Identity.Members;
using Cloud.Identity.Persistence;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Projects;

/// <summary>The body of <c>POST /v1/projects</c>.</summary>
public sealed record CreateProjectRequest
{
    /// <summary>Unique in the cloud.</summary>
    public required string Name { get; init; }

    /// <summary>At most 1000 characters.</summary>
    public string? Description { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The name or id of the user who becomes its owner; left out, it has no member until an admin adds one.</summary>
    public string? Owner { get; init; }
}

internal static class CreateProject
{
    public static async Task<IResult> HandleAsync(
        CreateProjectRequest request, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        ProjectRules.CheckDescription(request.Description, errors);
        errors.ThrowIfAny();

        await using var transaction = await db.BeginGuardedAsync(ct);
        var owner = request.Owner is null ? null : await db.Users.AsNoTracking().FindNamedAsync(request.Owner, "owner", ct);
        var now = time.GetUtcNow();
        var labels = new Labels(request.Labels ?? new Dictionary<string, string>());
        var project = Project.Create(TypedId.New<ProjectId>(time), request.Name, request.Description ?? "", labels, now);
        db.Projects.Add(project);
        db.AddResourceEvent("project.created", project.Id.Value, project.Id.Value, ProjectView.From(project));
        if (owner is not null)
        {
            var member = Member.Create(project.Id, owner.Id, Role.Owner, now);
            await db.Quotas().ReserveAsync(project.Id.Value, "members", 1, ct);
            db.Members.Add(member);
            db.AddMemberEvent("created", member, owner.Name);
        }

        await db.SaveNewAsync("project", request.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Created(context, $"/v1/projects/{project.Id}", ProjectView.From(project), project.Version);
    }
}
