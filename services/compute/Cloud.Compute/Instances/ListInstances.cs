using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

internal static class ListInstances
{
    public static async Task<Page<InstanceView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var rows = db.Instances.AsNoTracking().Existing().Where(instance => instance.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(instance => instance.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<InstanceStatus>(statusText, "status");
            rows = rows.Where(instance => instance.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(instance => instance.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(instance => string.Compare((string)(object)instance.Id, after) > 0);
        }

        var found = await rows.OrderBy(instance => instance.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, instance => instance.Id.Value, InstanceView.From);
    }
}
