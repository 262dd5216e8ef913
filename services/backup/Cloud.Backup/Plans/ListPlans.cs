using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Plans;

internal static class ListPlans
{
    public static async Task<Page<PlanView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, BackupDbContext db, CancellationToken ct)
    {
        var rows = db.Plans.AsNoTracking().Existing().Where(plan => plan.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(plan => plan.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<PlanStatus>(statusText, "status");
            rows = rows.Where(plan => plan.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(plan => plan.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(plan => string.Compare((string)(object)plan.Id, after) > 0);
        }

        var found = await rows.OrderBy(plan => plan.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, plan => plan.Id.Value, PlanView.From);
    }
}
