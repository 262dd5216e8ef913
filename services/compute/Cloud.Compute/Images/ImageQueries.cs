using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

/// <summary>Look-ups of images: the project's own and the cloud's.</summary>
internal static class ImageQueries
{
    public static IQueryable<Image> VisibleTo(this IQueryable<Image> images, Caller caller) =>
        images.Where(image => (image.Project == null || image.Project == caller.Project) && image.Status != ImageStatus.Deleted);

    /// <summary>By name or id, for a create; the project's own comes before the cloud's of the same name.</summary>
    /// <exception cref="CloudException">There is no such image, or none can ever be made from it; the field is <c>image</c>.</exception>
    public static async Task<Image> FindUsableAsync(this IQueryable<Image> images, Caller caller, string nameOrId, CancellationToken ct)
    {
        var visible = images.VisibleTo(caller);
        var found = ImageId.TryParse(nameOrId, out var id)
            ? await visible.SingleOrDefaultAsync(image => image.Id == id, ct)
            : await visible.Where(image => image.Name == nameOrId).OrderByDescending(image => image.Project).FirstOrDefaultAsync(ct);
        return found switch
        {
            null => throw CloudException.Invalid("image", $"There is no image '{nameOrId}'."),
            { Status: ImageStatus.Failed or ImageStatus.Deleting } =>
                throw CloudException.Conflict("image-unusable", $"Image '{nameOrId}' is {EnumWord(found.Status)}: {found.StatusReason}"),
            _ => found,
        };
    }

    /// <exception cref="CloudException">The caller sees no such image.</exception>
    public static async Task<Image> FindVisibleAsync(this IQueryable<Image> images, Caller caller, string nameOrId, CancellationToken ct)
    {
        var visible = images.VisibleTo(caller);
        var found = ImageId.TryParse(nameOrId, out var id)
            ? await visible.SingleOrDefaultAsync(image => image.Id == id, ct)
            : await visible.Where(image => image.Name == nameOrId).OrderByDescending(image => image.Project).FirstOrDefaultAsync(ct);
        return found ?? throw CloudException.NotFound("image", nameOrId);
    }

    /// <summary>Says in the same save that an image has changed.</summary>
    public static void AddImageEvent(this ComputeDbContext db, Image image) =>
        db.AddResourceEvent($"image.{EnumWord(image.Status)}", image.Project ?? "", image.Id.Value, ImageView.From(image));

    private static string EnumWord(ImageStatus status) => ServiceDefaults.EnumWords.Of(status);
}
