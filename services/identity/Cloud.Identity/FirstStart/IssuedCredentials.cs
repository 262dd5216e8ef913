using Cloud.Identity.AccessKeys;
using Cloud.Identity.Projects;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;

namespace Cloud.Identity.FirstStart;

/// <summary>What the file of credentials was last written for: the only row. Where the file is lost, these are revoked.</summary>
internal sealed class IssuedCredentials
{
    public const int TheOne = 1;

    public int Id { get; private init; } = TheOne;

    public required ProjectId Project { get; set; }

    public required UserId User { get; set; }

    public required TokenId Token { get; set; }

    public required AccessKeyId AccessKey { get; set; }
}
