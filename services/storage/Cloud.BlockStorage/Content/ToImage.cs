using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Content;

/// <summary>The body of <c>POST …/to-image</c>: what the image is to say of itself.</summary>
public sealed record ToImageRequest
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary><c>x86_64</c> or <c>riscv64</c>.</summary>
    public string Architecture { get; init; } = "x86_64";

    /// <summary>Whether it runs QEMU's guest agent.</summary>
    public bool GuestAgent { get; init; }

    /// <summary>The user that a key pair lets in.</summary>
    public string? LoginUser { get; init; }

    /// <summary>The kinds of user data it takes: <c>script</c>, <c>cloud-config</c>.</summary>
    public IReadOnlyList<string>? UserData { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

/// <summary>An image that is being made: <c>GET /v1/images/{id}</c> says how far it is.</summary>
public sealed record ImageOfVolume(string Id, string Name);

/// <summary>
/// Has compute make an image of a bootable disk, which instances are then made from. The source may be deleted once it is active.
/// </summary>
internal static class ToImage
{
    public static async Task<IResult> OfSnapshotAsync(
        string id, ToImageRequest request, Caller caller, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var snapshot = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        snapshot.RequireAvailable();
        return await StartAsync(request, caller, snapshot.Id.Value, hosts, ct);
    }

    public static async Task<IResult> OfVolumeAsync(
        string id, ToImageRequest request, Caller caller, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var volume = await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct);
        volume.RequireStill("made an image");
        return await StartAsync(request, caller, volume.Id.Value, hosts, ct);
    }

    private static async Task<IResult> StartAsync(
        ToImageRequest request, Caller caller, string source, IVolumeHosts hosts, CancellationToken ct)
    {
        var image = await hosts.CreateImageAsync(
            new NewVolumeImage(
                caller.Project, source, request.Name, request.Description, request.Architecture, request.GuestAgent, request.LoginUser,
                request.UserData, request.Labels),
            ct);
        return TypedResults.Accepted($"/v1/images/{image.Id}", new ImageOfVolume(image.Id, image.Name));
    }
}
