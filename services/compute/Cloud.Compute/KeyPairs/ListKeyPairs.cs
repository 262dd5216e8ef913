using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.KeyPairs;

internal static class ListKeyPairs
{
    public static async Task<Page<KeyPairView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var rows = db.KeyPairs.AsNoTracking().VisibleTo(caller);
        if (list.Name is { } name)
        {
            rows = rows.Where(keyPair => keyPair.Name == name);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(keyPair => keyPair.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(keyPair => string.Compare((string)(object)keyPair.Id, after) > 0);
        }

        var found = await rows.OrderBy(keyPair => keyPair.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, keyPair => keyPair.Id.Value, keyPair => KeyPairView.From(keyPair));
    }
}
