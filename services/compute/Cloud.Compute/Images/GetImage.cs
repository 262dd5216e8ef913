using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

internal static class GetImage
{
    public static async Task<IResult> HandleAsync(string id, Caller caller, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var image = await db.Images.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return ResourceResults.Ok(context, ImageView.From(image), image.Version);
    }
}
