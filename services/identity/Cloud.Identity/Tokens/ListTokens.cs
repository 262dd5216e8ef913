using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Tokens;

internal static class ListTokens
{
    public static async Task<Page<TokenView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, IdentityDbContext db, TimeProvider time, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var rows = db.Tokens.AsNoTracking().Existing().EverVisibleTo(caller).Matching(list);
        if (list.Status is { } statusText)
        {
            rows = EnumWords.Parse<TokenStatus>(statusText, "status") switch
            {
                TokenStatus.Active => rows.Where(token => token.ExpiresAt == null || token.ExpiresAt > now),
                TokenStatus.Expired => rows.Where(token => token.ExpiresAt <= now),
                _ => rows.Where(token => token.RevokedAt != null),
            };
        }

        if (list.After is { } after)
        {
            rows = rows.Where(token => string.Compare((string)(object)token.Id, after) > 0);
        }

        var found = await rows.OrderBy(token => token.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, token => token.Id.Value, token => TokenView.From(token, now));
    }
}
