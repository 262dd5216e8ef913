using Cloud.Identity.Persistence;
using Cloud.Identity.Tokens;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.AccessKeys;

internal static class ListAccessKeys
{
    public static async Task<Page<AccessKeyView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var rows = db.AccessKeys.AsNoTracking().Existing().EverVisibleTo(caller).Matching(list);
        if (list.Status is { } statusText)
        {
            rows = EnumWords.Parse<TokenStatus>(statusText, "status") switch
            {
                TokenStatus.Active => rows.Where(key => key.ExpiresAt == null || key.ExpiresAt > now),
                TokenStatus.Expired => rows.Where(key => key.ExpiresAt <= now),
                _ => rows.Where(key => key.RevokedAt != null),
            };
        }

        if (list.After is { } after)
        {
            rows = rows.Where(key => string.Compare((string)(object)key.Id, after) > 0);
        }

        var found = await rows.OrderBy(key => key.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, key => key.Id.Value, key => AccessKeyView.From(key, now));
    }
}
