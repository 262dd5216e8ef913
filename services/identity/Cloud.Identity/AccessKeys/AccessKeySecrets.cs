using System.Security.Cryptography;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Secrets;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.AccessKeys;

/// <summary>Opens the secrets of access keys for whoever verifies signatures.</summary>
internal sealed partial class AccessKeySecrets(
    IDbContextFactory<IdentityDbContext> databases, SecretBox secrets, LastUses uses, TimeProvider time, ILogger<AccessKeySecrets> log)
    : IAccessKeySecrets
{
    public async Task<AccessKeySecret?> FindAsync(string accessKeyId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await (
            from key in db.AccessKeys.AsNoTracking()
            join user in db.Users on key.User equals user.Id
            join project in db.Projects on key.Project equals project.Id
            from member in db.Members.Where(row => row.Project == key.Project && row.User == key.User && !row.Removed).DefaultIfEmpty()
            where key.PublicId == accessKeyId && user.Status == UserStatus.Active && project.Status == ProjectStatus.Active
            select new { Key = key, user.IsAdmin, ProjectName = project.Name, MemberRole = (Role?)member.Role }).SingleOrDefaultAsync(ct);
        if (found is null || found.Key.StatusAt(time.GetUtcNow()) != TokenStatus.Active
            || (found.IsAdmin ? Role.Admin : found.MemberRole) is not { } most
            || Open(found.Key) is not { } secret)
        {
            return null;
        }

        uses.AccessKeyUsed(found.Key.Id);
        return new AccessKeySecret
        {
            AccessKeyId = found.Key.PublicId,
            SecretAccessKey = secret,
            Subject = found.Key.User.Value,
            Project = found.Key.Project.Value,
            ProjectName = found.ProjectName,
            Buckets = found.Key.Buckets,
            ReadOnly = found.Key.ReadOnly || most < Role.Editor,
            ExpiresAt = found.Key.ExpiresAt,
        };
    }

    private string? Open(AccessKey key)
    {
        try
        {
            return AccessKeyPair.Open(secrets, key.SealedSecret, key.PublicId);
        }
        catch (CryptographicException lost)
        {
            // The master key is another one: for its user the key is as good as gone, and an operator must know.
            LogLost(log, key.PublicId, lost.Message);
            return null;
        }
    }

    [LoggerMessage(EventId = 1020, Level = LogLevel.Error, Message = "The access key {AccessKeyId} cannot be opened: {Reason}")]
    private static partial void LogLost(ILogger log, string accessKeyId, string reason);
}
