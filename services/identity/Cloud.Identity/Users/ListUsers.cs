using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Users;

internal static class ListUsers
{
    public static async Task<Page<UserView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, CancellationToken ct)
    {
        var rows = db.VisibleTo(caller).AsNoTracking().Matching(list);
        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<UserStatus>(statusText, "status");
            rows = rows.Where(user => user.Status == status);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(user => string.Compare((string)(object)user.Id, after) > 0);
        }

        var found = await rows.OrderBy(user => user.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, user => user.Id.Value, UserView.From);
    }
}
