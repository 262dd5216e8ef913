using Cloud.Database.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

internal static class ListDatabases
{
    public static async Task<Page<DatabaseView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, DatabaseDbContext db, CancellationToken ct)
    {
        var rows = db.Databases.AsNoTracking().Where(database => database.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(database => database.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<DatabaseStatus>(statusText, "status");
            rows = rows.Where(database => database.Status == status);
        }
        else
        {
            // The deleted are shown to whoever asks for them.
            rows = rows.Existing();
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(database => database.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(database => string.Compare((string)(object)database.Id, after) > 0);
        }

        var found = await rows.OrderBy(database => database.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, database => database.Id.Value, one => DatabaseView.From(one));
    }
}
