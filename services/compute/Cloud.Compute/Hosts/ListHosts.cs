using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Hosts;

internal static class ListHosts
{
    public static async Task<Page<HostView>> HandleAsync(
        ListQuery list, HttpContext context, ComputeDbContext db, HostDirectory hosts, TimeProvider time, CancellationToken ct)
    {
        var rows = db.Hosts.AsNoTracking();
        if (list.Name is { } name)
        {
            rows = rows.Where(host => host.Name == name);
        }

        if (list.After is { } after)
        {
            rows = rows.Where(host => string.Compare((string)(object)host.Id, after) > 0);
        }

        var found = await rows.OrderBy(host => host.Id).Take(list.Limit + 1).ToListAsync(ct);
        var views = new Dictionary<HostId, HostView>();
        foreach (var host in found)
        {
            views[host.Id] = await HostView.FromAsync(host, db, hosts, time.GetUtcNow(), ct);
        }

        return list.ToPage(context, found, host => host.Id.Value, host => views[host.Id]);
    }
}
