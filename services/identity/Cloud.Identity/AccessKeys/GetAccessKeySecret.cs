using System.Security.Cryptography;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Secrets;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.AccessKeys;

/// <summary><c>GET /internal/v1/access-keys/{accessKeyId}</c>: what a signature is verified by.</summary>
internal static partial class GetAccessKeySecret
{
    public static async Task<AccessKeySecret> HandleAsync(
        string id,
        IdentityDbContext db,
        SecretBox secrets,
        LastUses uses,
        TimeProvider time,
        ILogger<AccessKeySecret> log,
        CancellationToken ct)
    {
        var found = await (
            from key in db.AccessKeys.AsNoTracking()
            join user in db.Users on key.User equals user.Id
            join project in db.Projects on key.Project equals project.Id
            from member in db.Members.Where(row => row.Project == key.Project && row.User == key.User && !row.Removed).DefaultIfEmpty()
            where key.PublicId == id && user.Status == UserStatus.Active && project.Status == ProjectStatus.Active
            select new { Key = key, user.IsAdmin, ProjectName = project.Name, MemberRole = (Role?)member.Role }).SingleOrDefaultAsync(ct);
        if (found is null || found.Key.StatusAt(time.GetUtcNow()) != TokenStatus.Active
            || (found.IsAdmin ? Role.Admin : found.MemberRole) is not { } most)
        {
            throw CloudException.NotFound("access key", id);
        }

        uses.AccessKeyUsed(found.Key.Id);
        return new AccessKeySecret
        {
            AccessKeyId = found.Key.PublicId,
            SecretAccessKey = Open(found.Key, secrets, log),
            Subject = found.Key.User.Value,
            Project = found.Key.Project.Value,
            ProjectName = found.ProjectName,
            Buckets = found.Key.Buckets,
            ReadOnly = found.Key.ReadOnly || most < Role.Editor,
            ExpiresAt = found.Key.ExpiresAt,
        };
    }

    private static string Open(AccessKey key, SecretBox secrets, ILogger log)
    {
        try
        {
            return AccessKeyPair.Open(secrets, key.SealedSecret, key.PublicId);
        }
        catch (CryptographicException lost)
        {
            // The master key is another one: for its user the key is as good as gone, and an operator must know.
            LogLost(log, key.PublicId, lost.Message);
            throw new CloudException(ErrorKind.NotFound, "not-found", $"There is no access key '{key.PublicId}' that can be read.", lost);
        }
    }

    [LoggerMessage(EventId = 1020, Level = LogLevel.Error, Message = "The access key {AccessKeyId} cannot be opened: {Reason}")]
    private static partial void LogLost(ILogger log, string accessKeyId, string reason);
}
