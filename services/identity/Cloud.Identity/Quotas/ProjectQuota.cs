using Cloud.Identity.Projects;
using Cloud.Persistence;

namespace Cloud.Identity.Quotas;

/// <summary>A limit that somebody has set for a project.</summary>
internal sealed class ProjectQuota : IVersioned
{
    private ProjectQuota()
    {
    }

    public ProjectId Project { get; private init; }

    /// <summary>One of <see cref="Contracts.QuotaCatalog"/>.</summary>
    public string Name { get; private init; } = "";

    /// <summary>Null for the default again.</summary>
    public long? Limit { get; private set; }

    /// <summary>Puts the messages of one quota in order.</summary>
    public long Generation { get; private set; }

    public long Version { get; set; }

    public static ProjectQuota Create(ProjectId project, string name) => new() { Project = project, Name = name };

    public void Set(long? limit)
    {
        Limit = limit;
        Generation++;
    }
}
