using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Users;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.AccessKeys;

/// <summary>Look-ups of access keys: an owner sees all of the project's, everybody else their own.</summary>
internal static class AccessKeyQueries
{
    public static IQueryable<AccessKey> Existing(this IQueryable<AccessKey> keys) => keys.Where(key => key.RevokedAt == null);

    /// <summary>Revoked ones included.</summary>
    public static IQueryable<AccessKey> EverVisibleTo(this IQueryable<AccessKey> keys, Caller caller)
    {
        var project = ProjectId.FromValue(caller.Project);
        var self = UserId.FromValue(caller.Subject);
        var owns = caller.Role >= Role.Owner;
        return keys.Where(key => key.Project == project && (key.User == self || owns));
    }

    /// <summary>By the id, or by the public half.</summary>
    public static Task<AccessKey?> FindOrDefaultAsync(this IQueryable<AccessKey> keys, string id, CancellationToken ct) =>
        AccessKeyId.TryParse(id, out var keyId)
            ? keys.SingleOrDefaultAsync(key => key.Id == keyId, ct)
            : keys.SingleOrDefaultAsync(key => key.PublicId == id, ct);

    /// <exception cref="CloudException">The caller sees no such key.</exception>
    public static async Task<AccessKey> FindVisibleAsync(this IQueryable<AccessKey> keys, Caller caller, string id, CancellationToken ct) =>
        await keys.Existing().EverVisibleTo(caller).FindOrDefaultAsync(id, ct) ?? throw CloudException.NotFound("access key", id);

    /// <summary>Ends a key with the context's next save, everywhere.</summary>
    public static void Revoke(this IdentityDbContext db, AccessKey key, DateTimeOffset now)
    {
        key.Revoke(now);
        db.Outbox().Add(new AccessKeyRevoked(key.PublicId, now), key.Id.Value);
        db.AddResourceEvent("access-key.deleted", key.Project.Value, key.Id.Value, AccessKeyView.From(key, now));
    }
}
