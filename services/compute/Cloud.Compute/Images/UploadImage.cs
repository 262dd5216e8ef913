using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Compute.Images;

/// <summary>
/// <c>PUT /v1/images/{id}/content</c>: the disk's bytes, as they are. Answered when they are checked and on the disk; what is not as
/// the image says leaves it waiting for another try.
/// </summary>
internal static class UploadImage
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, HttpContext context, ComputeDbContext db, ImageFiles files, TimeProvider time, CancellationToken ct)
    {
        var image = await db.Images.FindVisibleAsync(caller, id, ct);
        image.RequireAwaitingUpload(caller.Project);
        var disk = await files.TakeAsync(image, context.Request.Body, context.Request.ContentLength, _ => Task.CompletedTask, ct);
        image.IsImported(disk, files.FolderOf(image.Id), time.GetUtcNow());
        db.AddImageEvent(image);
        await db.SaveChangesAsync(ct);
        return ResourceResults.Ok(context, ImageView.From(image), image.Version);
    }
}
