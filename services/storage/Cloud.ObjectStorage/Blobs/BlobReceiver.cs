using System.Buffers;
using System.Security.Cryptography;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>Takes a body onto the disk as it comes.</summary>
internal sealed class BlobReceiver(BlobStore blobs)
{
    /// <summary>5 TiB.</summary>
    public const long ObjectBytesMax = 5L << 40;

    /// <summary>A piece of an encrypted blob, or four.</summary>
    private const int BufferBytes = 4 * BlobCipher.PieceBytes;

    /// <summary>What goes into a row of the index, sealed or not.</summary>
    public const int SmallBytesMax = SmallBlob.BytesMax - BlobCipher.HeaderBytes - BlobCipher.TagBytes;

    /// <summary>The bytes of a small body, verified, as they are to lie on the disk.</summary>
    /// <exception cref="S3Exception">The body is cut, or not what the request says.</exception>
    public async Task<byte[]> ReceiveSmallAsync(PayloadStream body, BlobCipher? cipher, CancellationToken ct)
    {
        blobs.RequireRoom(body.Length!.Value);
        var bytes = new byte[(int)body.Length.Value];
        var filled = 0;
        int count;
        while (filled < bytes.Length && (count = await body.ReadAsync(bytes.AsMemory(filled), ct)) > 0)
        {
            filled += count;
        }

        // To the end, where the trailing checksums are, and what is too much.
        await body.ReadAsync(new byte[1], ct);
        body.Verify();
        return cipher is null ? bytes : cipher.SealWhole(bytes);
    }

    /// <summary>Returns when the body is verified and its bytes outlive a loss of power. Nothing names them yet.</summary>
    /// <exception cref="S3Exception">The body is too large, cut, or not what the request says.</exception>
    public async Task<ReceivedBlob> ReceiveAsync(PayloadStream body, BlobCipher? cipher, CancellationToken ct)
    {
        if (body.Length > ObjectBytesMax)
        {
            throw S3Error.EntityTooLarge.With(null, ("MaxSizeAllowed", $"{ObjectBytesMax}"));
        }

        if (body.Length == 0)
        {
            await body.ReadAsync(new byte[1], ct);
            body.Verify();
            return new ReceivedBlob(null, 0);
        }

        blobs.RequireRoom(body.Length ?? 0);
        var size = body.Length is { } length and < BufferBytes ? (int)length + 1 : BufferBytes;
        var buffer = ArrayPool<byte>.Shared.Rent(size);
        var blob = blobs.Create();
        try
        {
            var total = await CopyAsync(body, new BlobSink(blob, cipher), buffer.AsMemory(0, size), ct);
            body.Verify();
            if (total > 0)
            {
                await blob.FlushAsync();
                return new ReceivedBlob(blob, total);
            }

            blob.Dispose();
            return new ReceivedBlob(null, 0);
        }
        catch
        {
            blob.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task<long> CopyAsync(PayloadStream body, BlobSink sink, Memory<byte> buffer, CancellationToken ct)
    {
        var total = 0L;
        while (true)
        {
            // Whole buffers, so that the pieces of an encrypted blob have their length, and the disk is called seldom.
            var filled = 0;
            int count;
            while (filled < buffer.Length && (count = await body.ReadAsync(buffer[filled..], ct)) > 0)
            {
                filled += count;
            }

            sink.Write(buffer.Span[..filled]);
            total += filled;
            if (total > ObjectBytesMax)
            {
                throw S3Error.EntityTooLarge.With(null, ("MaxSizeAllowed", $"{ObjectBytesMax}"));
            }

            if (filled < buffer.Length)
            {
                return total;
            }
        }
    }

    /// <summary>Writes plain, or sealed piece by piece; every write but the last is of whole pieces.</summary>
    private sealed class BlobSink(BlobWriter blob, BlobCipher? cipher)
    {
        private readonly byte[] _header = cipher is null ? [] : RandomNumberGenerator.GetBytes(BlobCipher.HeaderBytes);
        private readonly byte[] _sealed = cipher is null ? [] : new byte[BlobCipher.PieceBytes + BlobCipher.TagBytes];
        private long _piece;

        public void Write(ReadOnlySpan<byte> bytes)
        {
            if (cipher is null)
            {
                blob.Write(bytes);
                return;
            }

            if (_piece == 0)
            {
                blob.Write(_header);
            }

            for (var at = 0; at < bytes.Length; at += BlobCipher.PieceBytes)
            {
                var plain = bytes.Slice(at, Math.Min(BlobCipher.PieceBytes, bytes.Length - at));
                var sealedPiece = _sealed.AsSpan(0, plain.Length + BlobCipher.TagBytes);
                cipher.Seal(_header, _piece++, plain, sealedPiece);
                blob.Write(sealedPiece);
            }
        }
    }
}

/// <summary>A body that lies on the disk.</summary>
/// <param name="Blob">Null for an empty one. Dispose it in any case; keep it when a row names it.</param>
/// <param name="SizeBytes">Of the plain bytes.</param>
internal sealed record ReceivedBlob(BlobWriter? Blob, long SizeBytes) : IDisposable
{
    public void Dispose() => Blob?.Dispose();
}
