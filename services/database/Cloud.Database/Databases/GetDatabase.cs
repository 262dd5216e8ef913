using Cloud.Database.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

internal static class GetDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, DatabaseDbContext db, DatabaseWaiter waiter, CancellationToken ct)
    {
        var database = await waiter.WaitAsync(await db.Databases.AsNoTracking().Existing().FindVisibleAsync(caller, id, ct), wait, ct);
        return ResourceResults.Ok(context, DatabaseView.From(database), database.Version);
    }
}
