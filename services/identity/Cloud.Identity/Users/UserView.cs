using Cloud.Primitives;

namespace Cloud.Identity.Users;

/// <summary>A user as the API shows it.</summary>
/// <param name="Admin">May have tokens of the role admin.</param>
public sealed record UserView(
    UserId Id, string Name, Labels Labels, bool Admin, UserStatus Status, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static UserView From(User user) =>
        new(user.Id, user.Name, user.Labels, user.IsAdmin, user.Status, user.CreatedAt, user.UpdatedAt);
}
