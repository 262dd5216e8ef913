using System.Diagnostics;
using System.Text.Json;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Images;

/// <summary>
/// Keeps the cloud's own images true to their recipes (infra/images): a row for each, <c>building</c> with its progress until its folder
/// stands in the cache under the recipe's hash, then <c>active</c>. The recipes are only asked again when the cache's folder has changed,
/// or now and then.
/// </summary>
internal sealed class ImageCatalog(
    IDbContextFactory<ComputeDbContext> databases, IOptions<ImageOptions> options, TimeProvider time) : IReconciler
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromMinutes(5);

    private DateTime _seen;
    private DateTimeOffset _asked;

    private string Folder => Path.Combine(options.Value.Cache, "images");

    public async Task ReconcileAsync(CancellationToken ct)
    {
        var changed = Directory.Exists(Folder) ? Directory.GetLastWriteTimeUtc(Folder) : default;
        if (changed == _seen && time.GetUtcNow() - _asked < AskAgain)
        {
            return;
        }

        await LookAsync(ct);
        (_seen, _asked) = (changed, time.GetUtcNow());
    }

    private async Task LookAsync(CancellationToken ct)
    {
        foreach (var (name, hash) in await ListRecipesAsync(ct))
        {
            await using var db = await databases.CreateDbContextAsync(ct);
            var image = await db.Images.SingleOrDefaultAsync(image => image.Project == null && image.Name == name, ct);
            if (image is null)
            {
                image = Image.FromRecipe(TypedId.New<ImageId>(time), name, hash, time.GetUtcNow());
                db.Images.Add(image);
            }
            else if (image.Recipe != hash)
            {
                image.Rebuilds(hash, time.GetUtcNow());
            }

            await LookAsync(image, Path.Combine(Folder, $"{name}-{hash}"), ct);
            if (db.ChangeTracker.HasChanges())
            {
                db.AddImageEvent(image);
                await db.SaveChangesAsync(ct);
            }
        }
    }

    /// <summary>Compares the row with what lies in the cache.</summary>
    private async Task LookAsync(Image image, string folder, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        if (File.Exists(Path.Combine(folder, "manifest.json")))
        {
            if (image.Status != ImageStatus.Active || image.Folder != folder)
            {
                await using var file = File.OpenRead(Path.Combine(folder, "manifest.json"));
                image.IsBuilt((await JsonSerializer.DeserializeAsync<ImageManifest>(file, JsonSerializerOptions.Web, ct))!, folder, now);
            }
        }
        else if (await ReadLineAsync(folder + ".failed", ct) is { } failure)
        {
            if (image.Status != ImageStatus.Failed)
            {
                image.Fails(failure, now);
            }
        }
        else if (await ReadLineAsync(folder + ".progress", ct) is var progress
            && (image.Status != ImageStatus.Building || image.StatusReason != progress))
        {
            image.Progresses(progress, now);
        }
    }

    private async Task<IReadOnlyList<(string Name, string Hash)>> ListRecipesAsync(CancellationToken ct)
    {
        using var build = Process.Start(new ProcessStartInfo(Path.Combine(options.Value.Recipes, "build.sh"), ["--list"])
        {
            RedirectStandardOutput = true,
            Environment = { ["CLOUD_CACHE"] = options.Value.Cache },
        })!;
        var lines = await build.StandardOutput.ReadToEndAsync(ct);
        await build.WaitForExitAsync(ct);
        return lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .Select(parts => (parts[0], parts[1])).ToList();
    }

    private static async Task<string?> ReadLineAsync(string path, CancellationToken ct)
    {
        try
        {
            return (await File.ReadAllTextAsync(path, ct)).Trim();
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }
}
