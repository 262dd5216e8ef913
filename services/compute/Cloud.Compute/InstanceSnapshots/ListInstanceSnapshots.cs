using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

internal static class ListInstanceSnapshots
{
    public static async Task<Page<InstanceSnapshotView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var rows = db.InstanceSnapshots.AsNoTracking().Existing().Where(snapshot => snapshot.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(snapshot => snapshot.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<InstanceSnapshotStatus>(statusText, "status");
            rows = rows.Where(snapshot => snapshot.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(snapshot => snapshot.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(snapshot => string.Compare((string)(object)snapshot.Id, after) > 0);
        }

        var found = await rows.OrderBy(snapshot => snapshot.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, snapshot => snapshot.Id.Value, InstanceSnapshotView.From);
    }
}
