using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Identity.AccessKeys;

internal static class RevokeAccessKey
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var key = await db.AccessKeys.EverVisibleTo(caller).FindOrDefaultAsync(id, ct) ?? throw CloudException.NotFound("access key", id);
        if (key.RevokedAt is not null)
        {
            return TypedResults.NoContent();
        }

        ifMatch.Require(key.Version);
        db.Revoke(key, time.GetUtcNow());
        await db.Quotas().ReserveAsync(key.Project.Value, "accessKeys", key.IsCounted ? -1 : 0, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return TypedResults.NoContent();
    }
}
