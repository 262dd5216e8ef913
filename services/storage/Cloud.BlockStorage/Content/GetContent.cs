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
/// The bytes of a snapshot, or of a volume that no instance has, as a raw disk image or as qcow2: the whole or a <c>Range</c>, so a
/// download that broke goes on where it was. A snapshot's never change, and their <c>ETag</c> says so.
/// </summary>
internal static class GetContent
{
    private const string Bytes = "application/octet-stream";

    public static async Task<IResult> OfSnapshotAsync(
        string id, string? format, Caller caller, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var isQcow2 = ContentFormat.IsQcow2(format);
        var snapshot = await db.Snapshots.AsNoTracking().FindVisibleAsync(caller, id, ct);
        snapshot.RequireAvailable();
        var content = await OpenAsync(hosts, snapshot.HostName, snapshot.Id.Value, snapshot.SizeBytes, isQcow2, ct);
        await TellDigestAsync(context, content, ct);
        return Results.Stream(
            content, Bytes, $"{snapshot.Name}.{(isQcow2 ? ContentFormat.Qcow2 : ContentFormat.Raw)}", snapshot.CreatedAt,
            new EntityTagHeaderValue(isQcow2 ? $"\"{snapshot.Id}-{ContentFormat.Qcow2}\"" : $"\"{snapshot.Id}\""),
            enableRangeProcessing: true);
    }

    public static async Task<IResult> OfVolumeAsync(
        string id, string? format, Caller caller, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var isQcow2 = ContentFormat.IsQcow2(format);
        var volume = await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct);
        volume.RequireStill("read");
        var content = await OpenAsync(hosts, volume.HostName!, volume.Id.Value, volume.SizeBytes, isQcow2, ct);
        await TellDigestAsync(context, content, ct);
        return Results.Stream(
            content, Bytes, $"{volume.Name}.{(isQcow2 ? ContentFormat.Qcow2 : ContentFormat.Raw)}", enableRangeProcessing: true);
    }

    /// <summary>What a snapshot or a volume holds, as an image of either format.</summary>
    public static async Task<Stream> OpenAsync(
        IVolumeHosts hosts, string host, string source, long sizeBytes, bool isQcow2, CancellationToken ct)
    {
        var disk = new ContentStream(hosts, host, source, sizeBytes);
        return isQcow2 ? await Qcow2Stream.OpenAsync(hosts, host, source, sizeBytes, disk, ct) : disk;
    }

    /// <summary>Where the caller wants the whole's checksum: all of it is read for that.</summary>
    private static async Task TellDigestAsync(HttpContext context, Stream content, CancellationToken ct)
    {
        if (ContentDigest.IsWanted(context.Request.Headers[ContentDigest.WantedHeader]))
        {
            context.Response.Headers[ContentDigest.WholeHeader] = ContentDigest.Of(await SHA256.HashDataAsync(content, ct));
            content.Position = 0;
        }
    }
}
