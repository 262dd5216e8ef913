using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceTypes;

internal static class GetInstanceType
{
    public static async Task<IResult> HandleAsync(string id, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var type = await db.InstanceTypes.AsNoTracking().FindOrDefaultAsync(id, ct) ?? throw CloudException.NotFound("instance type", id);
        return ResourceResults.Ok(context, InstanceTypeView.From(type), type.Version);
    }
}
