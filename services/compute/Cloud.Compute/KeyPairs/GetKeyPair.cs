using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.KeyPairs;

internal static class GetKeyPair
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var keyPair = await db.KeyPairs.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, KeyPairView.From(keyPair), keyPair.Version);
    }
}
