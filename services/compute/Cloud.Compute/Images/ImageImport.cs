using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Oci;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Outbound;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

/// <summary>The steps of an import. Each can run twice with the outcome of once.</summary>
internal sealed class ImageImport(
    IDbContextFactory<ComputeDbContext> databases, ImageFiles files, OutboundHttp outbound, IBlockStorage blocks, TimeProvider time)
{
    /// <summary>Before the name of an image that comes from a registry.</summary>
    public const string FromRegistry = "registry:";

    /// <summary>Before the id of a volume or a snapshot that the image is made of.</summary>
    public const string FromVolume = "volume:";

    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(1);

    /// <summary>Downloads the disk, checks it, and makes the image active.</summary>
    public async Task<StepResult> DownloadAsync(ImageSagaData data, CancellationToken ct)
    {
        Image image;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            image = await db.Images.AsNoTracking().SingleAsync(row => row.Id == data.Image, ct);
        }

        if (image.Status != ImageStatus.Importing)
        {
            return StepResult.Done;
        }

        if (image.SourceUrl!.StartsWith(FromRegistry, StringComparison.Ordinal))
        {
            return await PullAsync(data, image, ct);
        }

        if (image.SourceUrl.StartsWith(FromVolume, StringComparison.Ordinal))
        {
            await using var exported = await blocks.ExportAsync(image.Project!, image.SourceUrl[FromVolume.Length..], ct);
            var taken = await files.TakeAsync(image, exported, null, ProgressOf(data, null, ct), ct);
            await ChangeAsync(data, (row, now) => row.IsImported(taken, files.FolderOf(row.Id), now), ct);
            return StepResult.Done;
        }

        using var response = await outbound.GetAsync(new Uri(image.SourceUrl), ct);
        if (!response.IsSuccessStatusCode)
        {
            throw CloudException.Conflict("import-failed", $"The URL answered {(int)response.StatusCode}.");
        }

        var length = response.Content.Headers.ContentLength;
        await using var body = await response.Content.ReadAsStreamAsync(ct);
        var disk = await files.TakeAsync(image, body, length, ProgressOf(data, length, ct), ct);
        await ChangeAsync(data, (row, now) => row.IsImported(disk, files.FolderOf(row.Id), now), ct);
        return StepResult.Done;
    }

    /// <summary>Brings an image from a registry, and then takes it as if it had been sent.</summary>
    private async Task<StepResult> PullAsync(ImageSagaData data, Image image, CancellationToken ct)
    {
        if (!RegistryReference.TryParse(image.SourceUrl![FromRegistry.Length..], out var reference))
        {
            throw CloudException.Conflict("import-failed", "The registry's image has a name that is none.");
        }

        using var room = files.MakeRoom(image.Id);
        try
        {
            var pull = new RegistryPull(outbound.SendAsync, ProgressOf(data, null, ct));
            await pull.RunAsync(reference, "amd64", room.Path, files.FileBytesMax, ct);
        }
        catch (OciException refused)
        {
            throw CloudException.Conflict("import-failed", refused.Message);
        }

        await using var body = new FileStream(room.Path, FileMode.Open, FileAccess.Read);
        var disk = await files.TakeAsync(image, body, body.Length, _ => Task.CompletedTask, ct);
        await ChangeAsync(data, (row, now) => row.IsImported(disk, files.FolderOf(row.Id), now), ct);
        return StepResult.Done;
    }

    private Func<long, Task> ProgressOf(ImageSagaData data, long? length, CancellationToken ct)
    {
        var told = time.GetUtcNow();
        return async bytes =>
        {
            if (time.GetUtcNow() - told >= ProgressEvery)
            {
                told = time.GetUtcNow();
                await ChangeAsync(data, (row, now) => row.Progresses(bytes, length, now), ct);
            }
        };
    }

    public Task<StepResult> RemoveFilesAsync(ImageSagaData data, CancellationToken ct)
    {
        files.Delete(data.Image);
        return Task.FromResult(StepResult.Done);
    }

    public Task FailAsync(ImageSagaData data, string reason, CancellationToken ct) =>
        ChangeAsync(data, (row, now) => row.Fails(reason, now), ct);

    private async Task ChangeAsync(ImageSagaData data, Action<Image, DateTimeOffset> change, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var image = await db.Images.SingleAsync(row => row.Id == data.Image, ct);
        if (image.Status == ImageStatus.Importing)
        {
            change(image, time.GetUtcNow());
            db.AddImageEvent(image);
            await db.SaveChangesAsync(ct);
        }
    }
}
