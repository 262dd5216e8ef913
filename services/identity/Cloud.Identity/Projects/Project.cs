using Cloud.Identity.Persistence;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Identity.Projects;

/// <summary>The boundary that owns resources: everything belongs to one project, and nobody sees another's.</summary>
internal sealed class Project : IVersioned, INamed
{
    private Project()
    {
    }

    public ProjectId Id { get; private init; }

    public string Name { get; private set; } = "";

    public string Description { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    public ProjectStatus Status { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static Project Create(ProjectId id, string name, string description, Labels labels, DateTimeOffset now) => new()
    {
        Id = id,
        Name = name,
        Description = description,
        Labels = labels,
        Status = ProjectStatus.Active,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Rename(string name, DateTimeOffset now)
    {
        Name = name;
        UpdatedAt = now;
    }

    public void Describe(string description, DateTimeOffset now)
    {
        Description = description;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void Delete(DateTimeOffset now)
    {
        Status = ProjectStatus.Deleted;
        UpdatedAt = now;
    }
}
