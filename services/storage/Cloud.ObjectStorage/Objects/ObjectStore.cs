using System.Security.Cryptography;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Cloud.ObjectStorage.Objects;

/// <summary>Puts objects and opens their bytes, for the REST API and for S3.</summary>
internal sealed class ObjectStore(BlobReceiver receiver, BlobReader reader, IndexReads reads, IndexWriter writer, TimeProvider time)
{
    /// <summary>How often an object is looked up again, whose bytes were swept between the look-up and the reading.</summary>
    private const int TriesMax = 5;

    /// <summary>
    /// Takes the body to the disk, then names it in the index, or writes a small one there: durable when this returns, and nothing of it
    /// there before.
    /// </summary>
    /// <param name="asked">The object but for what the body tells.</param>
    public async Task<ObjectVersion> PutAsync(NewObject asked, ObjectAttributes attributes, PayloadStream body, BlobCipher? cipher,
        CancellationToken ct)
    {
        if (body.Length is > 0 and <= BlobReceiver.SmallBytesMax)
        {
            var bytes = await receiver.ReceiveSmallAsync(body, cipher, ct);
            return await PutSmallAsync(
                asked with
                {
                    SizeBytes = body.Length.Value,
                    ETag = asked.Restored?.ETag ?? body.Md5Text(),
                    Attributes = Describe().ToJson(),
                },
                bytes, ct);
        }

        using var received = await receiver.ReceiveAsync(body, cipher, ct);
        var made = asked with
        {
            SizeBytes = received.SizeBytes,
            ETag = asked.Restored?.ETag ?? body.Md5Text(),
            Blob = received.Blob?.Name,
            Attributes = Describe().ToJson(),
        };
        return await KeepingAsync(() => writer.WriteAsync(index => index.PutAsync(made), ct), () => received.Blob?.Keep());

        // What is restored keeps its checksums, those of parts among them.
        ObjectAttributes Describe() => asked.Restored is null ? attributes with { Checksums = body.Checksums() } : attributes;
    }

    /// <summary>Writes an object with its bytes into the index.</summary>
    /// <param name="bytes">As they are to lie on the disk; not changed any more.</param>
    public Task<ObjectVersion> PutSmallAsync(NewObject asked, byte[] bytes, CancellationToken ct)
    {
        var made = asked with { Blob = SmallBlob.NewName(time), Bytes = bytes };
        return writer.WriteAsync(index => index.PutAsync(made), ct);
    }

    /// <summary>
    /// Names a blob in the index. Its file goes only where it is certain that no row names it; where a commit's outcome is not known it
    /// stays, and is swept later if it is nobody's.
    /// </summary>
    public static async Task<T> KeepingAsync<T>(Func<Task<T>> write, Action keep)
    {
        try
        {
            var written = await write();
            keep();
            return written;
        }
        catch (Exception failed) when (failed is not (S3Exception or CloudException or OperationCanceledException))
        {
            keep();
            throw;
        }
    }

    /// <summary>An object with its bytes open: what is read is that version, whole, whatever becomes of it meanwhile.</summary>
    /// <returns>Null where there is no such object.</returns>
    public async Task<OpenObject?> OpenAsync(Bucket bucket, string key, string? versionId, bool withBytes, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            var version = await reads.ReadAsync(
                session => versionId is null
                    ? session.LatestAsync(bucket.Id.Value, key, ct, withBytes)
                    : session.FindVersionAsync(bucket.Id.Value, key, versionId, ct, withBytes),
                ct);
            if (version is null)
            {
                return null;
            }

            if (withBytes && version is { Blob: { } small, Bytes: null } && SmallBlob.Is(small))
            {
                throw S3Error.InvalidObjectState.With();
            }

            try
            {
                var file = withBytes && version.Blob is { } blob && !SmallBlob.Is(blob) ? reader.Open(blob) : null;
                var parts = version.Upload is { } upload && !version.IsDeleteMarker
                    ? await reads.ReadAsync(session => session.PartsAsync(upload, 0, Part.NumberMax, ct), ct)
                    : [];
                return new OpenObject(version, ObjectAttributes.FromJson(version.Attributes), file, parts);
            }
            catch (FileNotFoundException) when (tries < TriesMax)
            {
                // Overwritten and swept in this moment: there is a newer one.
            }
            catch (FileNotFoundException)
            {
                throw S3Error.InvalidObjectState.With();
            }
        }
    }
}

/// <summary>An object that can be read.</summary>
/// <param name="File">Of one that was put whole; null where it has no bytes, is small, or is of parts.</param>
/// <param name="Parts">Of one that was uploaded in parts, in their order.</param>
internal sealed record OpenObject(ObjectVersion Version, ObjectAttributes Attributes, SafeFileHandle? File, IReadOnlyList<Part> Parts)
    : IDisposable
{
    /// <summary>Writes a range of its bytes.</summary>
    /// <exception cref="S3Exception">They are damaged or lost.</exception>
    public async Task SendAsync(
        BlobReader reader, BlobCipher? cipher, long offset, long length, System.IO.Pipelines.PipeWriter to, CancellationToken ct)
    {
        try
        {
            if (length > 0)
            {
                await SendBytesAsync(reader, cipher, offset, length, to, ct);
            }
        }
        catch (Exception damaged) when (damaged is FileNotFoundException or InvalidDataException or CryptographicException)
        {
            throw S3Error.InvalidObjectState.With();
        }
    }

    public void Dispose() => File?.Dispose();

    private async Task SendBytesAsync(
        BlobReader reader, BlobCipher? cipher, long offset, long length, System.IO.Pipelines.PipeWriter to, CancellationToken ct)
    {
        if (Version.Bytes is { } bytes)
        {
            await BlobReader.SendSmallAsync(bytes, cipher, offset, length, to, ct);
            return;
        }

        if (File is not null)
        {
            await BlobReader.SendAsync(File, cipher, offset, length, to, ct);
            return;
        }

        foreach (var part in Parts)
        {
            var begin = Math.Max(offset, part.Offset);
            var end = Math.Min(offset + length, part.Offset + part.SizeBytes);
            if (begin < end)
            {
                using var file = reader.Open(part.Blob!);
                await BlobReader.SendAsync(file, cipher, begin - part.Offset, end - begin, to, ct);
            }
        }
    }
}
