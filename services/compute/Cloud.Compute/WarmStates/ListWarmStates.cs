using Cloud.Compute.Images;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

internal static class ListWarmStates
{
    public static async Task<Page<WarmStateView>> HandleAsync(string id, Caller caller, ComputeDbContext db, CancellationToken ct)
    {
        var image = await db.Images.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var states = await db.WarmStates.AsNoTracking().Where(state => state.Image == image.Id).OrderBy(state => state.Id).ToListAsync(ct);
        return new Page<WarmStateView>(states.Select(WarmStateView.From).ToList(), null);
    }
}
