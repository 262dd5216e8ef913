using Cloud.Identity.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.AccessKeys;

internal static class GetAccessKey
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var key = await db.AccessKeys.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, AccessKeyView.From(key, time.GetUtcNow()), key.Version);
    }
}
