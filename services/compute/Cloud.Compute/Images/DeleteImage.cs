using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

/// <summary>Removes an image that no instance is made from any more.</summary>
internal static class DeleteImage
{
    private const int UsersShown = 10;

    public static async Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, ComputeDbContext db, ImageFiles files, TimeProvider time, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var rows = db.Images.Where(row => row.Project == caller.Project);
        var image = ImageId.TryParse(id, out var imageId)
            ? await db.Images.SingleOrDefaultAsync(row => row.Id == imageId && (row.Project == caller.Project || row.Project == null), ct)
            : await rows.OrderBy(row => row.Status == ImageStatus.Deleted).FirstOrDefaultAsync(row => row.Name == id, ct);
        switch (image)
        {
            case null:
                throw CloudException.NotFound("image", id);
            case { Project: null }:
                throw CloudException.Conflict("built-in", $"Image '{image.Name}' is the cloud's own; it cannot be deleted.");
            case { Status: ImageStatus.Deleted }:
                return TypedResults.NoContent();
        }

        ifMatch.Require(image.Version);
        var users = await db.Instances.AsNoTracking().Existing().Where(row => row.Image == image.Id)
            .Select(row => row.Id).Take(UsersShown).ToListAsync(ct);
        if (users.Count > 0)
        {
            throw new CloudException(
                ErrorKind.Conflict, "in-use", $"Instances are made from image '{image.Name}': {string.Join(", ", users)}.")
            {
                Details = new Dictionary<string, object> { ["usedBy"] = users },
            };
        }

        image.IsDeleted(time.GetUtcNow());
        await db.Quotas().ReserveAsync(caller.Project, "images", -1, ct);
        db.AddImageEvent(image);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        files.Delete(image.Id);
        return TypedResults.NoContent();
    }
}
