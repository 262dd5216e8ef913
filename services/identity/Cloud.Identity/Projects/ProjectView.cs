using Cloud.Primitives;

namespace Cloud.Identity.Projects;

/// <summary>A project as the API shows it.</summary>
public sealed record ProjectView(
    ProjectId Id, string Name, string Description, Labels Labels, ProjectStatus Status, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static ProjectView From(Project project) =>
        new(project.Id, project.Name, project.Description, project.Labels, project.Status, project.CreatedAt, project.UpdatedAt);
}
