using Cloud.Identity.Users;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Members;

/// <summary>A member as the API shows it.</summary>
/// <param name="Id">The user's.</param>
/// <param name="Name">The user's.</param>
public sealed record MemberView(UserId Id, string Name, Role Role, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static MemberView From(Member member, string name) => new(member.User, name, member.Role, member.CreatedAt, member.UpdatedAt);
}
