using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

/// <summary>Holds an answer until an image is active or has failed (<c>?wait=</c>).</summary>
internal sealed class ImageWaiter(IDbContextFactory<ComputeDbContext> databases, ChangeSignals signals)
{
    /// <summary>The image as it is when it settled, or as it is when the time is over.</summary>
    public async Task<Image> WaitAsync(Image image, WaitQuery wait, CancellationToken ct)
    {
        if (!wait.Waits)
        {
            return image;
        }

        var latest = image;
        await signals.WaitAsync<Image>(image.Id.Value, wait.Limit, async token =>
        {
            await using var db = await databases.CreateDbContextAsync(token);
            latest = await db.Images.AsNoTracking().SingleAsync(row => row.Id == image.Id, token);
            return latest.Status is ImageStatus.Building or ImageStatus.Importing ? null : latest;
        }, ct);
        return latest;
    }
}
