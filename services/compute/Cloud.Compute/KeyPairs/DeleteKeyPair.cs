using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.KeyPairs;

/// <summary>Instances made with it keep the public key that they have.</summary>
internal static class DeleteKeyPair
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, ComputeDbContext db, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        if (await db.KeyPairs.FindOrDefaultAsync(caller, id, ct) is { } keyPair)
        {
            ifMatch.Require(keyPair.Version);
            keyPair.Delete(time.GetUtcNow());
            await db.Quotas().ReserveAsync(caller.Project, "keyPairs", -1, ct);
            db.AddResourceEvent("key-pair.deleted", keyPair.Project, keyPair.Id.Value, KeyPairView.From(keyPair));
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
            return TypedResults.NoContent();
        }

        var had = KeyPairId.TryParse(id, out var keyPairId)
            ? await db.KeyPairs.AnyAsync(row => row.Project == caller.Project && row.Id == keyPairId, ct)
            : await db.KeyPairs.AnyAsync(row => row.Project == caller.Project && row.Name == id, ct);
        return had ? TypedResults.NoContent() : throw CloudException.NotFound("key pair", id);
    }
}
