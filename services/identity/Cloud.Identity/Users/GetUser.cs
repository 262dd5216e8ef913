using Cloud.Identity.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Identity.Users;

internal static class GetUser
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var user = await db.FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, UserView.From(user), user.Version);
    }
}
