using System.Security.Cryptography;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

namespace Cloud.BlockStorage.Content;

/// <summary>
/// The bytes of a snapshot, or of a volume that no instance has, as a raw disk image: the whole or a <c>Range</c>, so a download that broke
/// goes on where it was. A snapshot's never change, and their <c>ETag</c> says so.
/// </summary>
internal static class GetContent
{
    private const string Raw = "application/octet-stream";

    public static async Task<IResult> OfSnapshotAsync(
        string id, Caller caller, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var snapshot = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        snapshot.RequireAvailable();
        var content = new ContentStream(hosts, snapshot.HostName, snapshot.Id.Value, snapshot.SizeBytes);
        await TellDigestAsync(context, content, ct);
        return Results.Stream(
            content, Raw, $"{snapshot.Name}.raw", snapshot.CreatedAt, new EntityTagHeaderValue($"\"{snapshot.Id}\""),
            enableRangeProcessing: true);
    }

    public static async Task<IResult> OfVolumeAsync(
        string id, Caller caller, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var volume = await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct);
        volume.RequireStill("read");
        var content = new ContentStream(hosts, volume.HostName!, volume.Id.Value, volume.SizeBytes);
        await TellDigestAsync(context, content, ct);
        return Results.Stream(content, Raw, $"{volume.Name}.raw", enableRangeProcessing: true);
    }

    /// <summary>Where the caller wants the whole's checksum: all of it is read for that.</summary>
    private static async Task TellDigestAsync(HttpContext context, ContentStream content, CancellationToken ct)
    {
        if (ContentDigest.IsWanted(context.Request.Headers[ContentDigest.WantedHeader]))
        {
            context.Response.Headers[ContentDigest.WholeHeader] = ContentDigest.Of(await SHA256.HashDataAsync(content, ct));
            content.Position = 0;
        }
    }
}
