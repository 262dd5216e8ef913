using Cloud.Identity.Persistence;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Identity.Users;

/// <summary>
/// A person or a program that calls. It has no password: it acts by API tokens and access keys, which belong to it and a project.
/// </summary>
internal sealed class User : IVersioned, INamed
{
    private User()
    {
    }

    public UserId Id { get; private init; }

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    /// <summary>May have tokens of the role admin, over all projects.</summary>
    public bool IsAdmin { get; private set; }

    public UserStatus Status { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static User Create(UserId id, string name, bool isAdmin, Labels labels, DateTimeOffset now) => new()
    {
        Id = id,
        Name = name,
        IsAdmin = isAdmin,
        Labels = labels,
        Status = UserStatus.Active,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Rename(string name, DateTimeOffset now)
    {
        Name = name;
        UpdatedAt = now;
    }

    public void Relabel(Labels labels, DateTimeOffset now)
    {
        Labels = labels;
        UpdatedAt = now;
    }

    public void BecomesAdmin(bool isAdmin, DateTimeOffset now)
    {
        IsAdmin = isAdmin;
        UpdatedAt = now;
    }

    public void Enable(bool enabled, DateTimeOffset now)
    {
        Status = enabled ? UserStatus.Active : UserStatus.Disabled;
        UpdatedAt = now;
    }

    public void Delete(DateTimeOffset now)
    {
        Status = UserStatus.Deleted;
        UpdatedAt = now;
    }
}
