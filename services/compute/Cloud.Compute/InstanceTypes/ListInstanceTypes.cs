using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceTypes;

internal static class ListInstanceTypes
{
    public static async Task<Page<InstanceTypeView>> HandleAsync(
        ListQuery list, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var rows = db.InstanceTypes.AsNoTracking();
        if (list.Name is { } name)
        {
            rows = rows.Where(type => type.Name == name);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(type => string.Compare((string)(object)type.Id, after) > 0);
        }

        var found = await rows.OrderBy(type => type.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, type => type.Id.Value, InstanceTypeView.From);
    }
}
