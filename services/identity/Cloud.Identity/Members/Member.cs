using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Members;

/// <summary>What a user may do in a project. A token never does more than its user may.</summary>
internal sealed class Member : IVersioned
{
    private Member()
    {
    }

    public ProjectId Project { get; private init; }

    public UserId User { get; private init; }

    public Role Role { get; private set; }

    /// <summary>Was one. The row stays for the answer to a second DELETE.</summary>
    public bool Removed { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static Member Create(ProjectId project, UserId user, Role role, DateTimeOffset now) => new()
    {
        Project = project,
        User = user,
        Role = role,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Becomes(Role role, DateTimeOffset now)
    {
        Role = role;
        UpdatedAt = now;
    }

    public void Remove(DateTimeOffset now)
    {
        Removed = true;
        UpdatedAt = now;
    }

    public void Rejoin(Role role, DateTimeOffset now)
    {
        Removed = false;
        Role = role;
        CreatedAt = now;
        UpdatedAt = now;
    }
}
