using System.Buffers;
using System.Security.Cryptography;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

namespace Cloud.BlockStorage.Content;

/// <summary>
/// <c>PUT /v1/volumes/{id}/content</c>: writes a raw disk image to a volume that no instance has, from its start or where
/// <c>Content-Range</c> says: an upload in parts, any of which can be sent again. Answered when it is on the disk.
/// </summary>
internal static class PutContent
{
    /// <summary>What is written at once, and held in memory.</summary>
    private const int ChunkBytes = 8 << 20;

    public static async Task<IResult> HandleAsync(
        string id, string? format, Caller caller, HttpContext context, BlockStorageDbContext db, IVolumeHosts hosts, CancellationToken ct)
    {
        var isQcow2 = ContentFormat.IsQcow2(format);
        var volume = await db.Volumes.AsNoTracking().FindVisibleAsync(caller, id, ct);
        volume.RequireStill("written");
        var (offset, count, total) = RangeOf(context.Request, isQcow2 ? null : volume.SizeBytes);
        var expected = ContentDigest.Read(context.Request.Headers[ContentDigest.SentHeader]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var end = offset;
        await foreach (var written in WriteAsync(hosts, volume, offset, count, context.Request.Body, isQcow2, ct))
        {
            hash.AppendData(written.Span);
            end += written.Length;
        }

        var digest = hash.GetHashAndReset();
        if (expected is not null && !expected.AsSpan().SequenceEqual(digest))
        {
            throw CloudException.Invalid(ContentDigest.SentHeader, "What came is not what the checksum says. Send this part again.");
        }

        context.Response.Headers[ContentDigest.SentHeader] = ContentDigest.Of(digest);
        if (isQcow2 && end < (total ?? end))
        {
            return ResourceResults.Accepted(context, VolumeView.From(volume), volume.Version);
        }

        for (long? next = isQcow2 ? 0 : null; next is { } from;)
        {
            next = await hosts.ImportAsync(volume.HostName!, volume.Id.Value, end, from, ct);
        }

        return ResourceResults.Ok(context, VolumeView.From(volume), volume.Version);
    }

    /// <summary>In chunks, each durable before the next is read.</summary>
    /// <param name="count">How many bytes are to come; null for what comes.</param>
    /// <param name="staged">They are a part of a file that is kept beside the volume until all of it is there.</param>
    public static async IAsyncEnumerable<ReadOnlyMemory<byte>> WriteAsync(
        IVolumeHosts hosts, Volume volume, long offset, long? count, Stream content, bool staged,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            var at = offset;
            var chunk = buffer.AsMemory(0, ChunkBytes);
            while (await content.ReadAtLeastAsync(chunk, chunk.Length, throwOnEndOfStream: false, ct) is > 0 and var read)
            {
                if ((!staged && read > volume.SizeBytes - at) || at + read - offset > count)
                {
                    throw CloudException.Invalid(
                        "content", $"The volume has {volume.SizeBytes} bytes; more came than fit, or than were said.");
                }

                var part = new MemoryStream(buffer, 0, read);
                await (staged
                    ? hosts.StageAsync(volume.HostName!, volume.Id.Value, at, part, ct)
                    : hosts.WriteContentAsync(volume.HostName!, volume.Id.Value, at, part, ct));
                yield return chunk[..read];
                at += read;
            }

            if (at == offset || at - offset < (count ?? 0))
            {
                throw CloudException.Invalid("content", $"Only {at - offset} bytes came.");
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <param name="sizeBytes">What the range must lie within; null for a file, of which the range must tell the length.</param>
    private static (long Offset, long? Count, long? Total) RangeOf(HttpRequest request, long? sizeBytes)
    {
        var text = request.Headers.ContentRange.ToString();
        if (text.Length == 0)
        {
            return (0, request.ContentLength, null);
        }

        if (!ContentRangeHeaderValue.TryParse(text, out var range) || range is not { HasRange: true, From: { } from, To: { } to }
            || range.Unit != "bytes" || to < from || (sizeBytes ?? range.Length) is not { } end || to >= end || range.Length > end)
        {
            throw CloudException.Invalid(
                "Content-Range",
                $"Expected bytes FROM-TO/TOTAL{(sizeBytes is null ? "" : $" within the volume's {sizeBytes} bytes")}.");
        }

        return (from, to - from + 1, range.Length);
    }
}
