using Cloud.Compute.Images;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.WarmStates;

/// <summary>
/// An image is warm no more, for a type or for all; what lies on hosts is removed by <c>GuestReaper</c>. An instance that was to go on from
/// it boots.
/// </summary>
internal static class CoolImage
{
    /// <param name="type">The name of a type; null for all.</param>
    public static async Task<IResult> HandleAsync(string id, string? type, Caller caller, ComputeDbContext db, CancellationToken ct)
    {
        var image = await db.Images.AsNoTracking().FindVisibleAsync(caller, id, ct);
        WarmImage.RequireOwn(image, caller);
        await db.WarmStates.Where(state => state.Image == image.Id && (type == null || state.Type == type)).ExecuteDeleteAsync(ct);
        return TypedResults.NoContent();
    }
}
