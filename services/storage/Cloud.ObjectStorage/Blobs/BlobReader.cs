using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>Sends ranges of blobs.</summary>
internal sealed class BlobReader(BlobStore blobs)
{
    private const int BufferBytes = 256 * 1024;

    /// <exception cref="FileNotFoundException">The blob was swept.</exception>
    public SafeFileHandle Open(string name) => blobs.Open(name);

    /// <summary>Writes a range of a blob's plain bytes.</summary>
    public static async Task SendAsync(
        SafeFileHandle file, BlobCipher? cipher, long offset, long length, PipeWriter to, CancellationToken ct)
    {
        if (cipher is not null)
        {
            await SendSealedAsync(file, cipher, offset, length, to, ct);
            return;
        }

        while (length > 0)
        {
            var memory = to.GetMemory((int)Math.Min(length, BufferBytes));
            var count = RandomAccess.Read(file, memory.Span[..(int)Math.Min(length, memory.Length)], offset);
            if (count == 0)
            {
                throw new InvalidDataException("A blob is shorter than the index says.");
            }

            to.Advance(count);
            offset += count;
            length -= count;
            await FlushAsync(to, ct);
        }
    }

    /// <summary>Writes a range of the plain bytes of a blob that is in memory.</summary>
    public static async Task SendSmallAsync(
        byte[] blob, BlobCipher? cipher, long offset, long length, PipeWriter to, CancellationToken ct)
    {
        var plain = blob;
        if (cipher is not null)
        {
            plain = new byte[blob.Length - BlobCipher.HeaderBytes - BlobCipher.TagBytes];
            cipher.Open(blob.AsSpan(0, BlobCipher.HeaderBytes), 0, blob.AsSpan(BlobCipher.HeaderBytes), plain);
        }

        await FlushAsync(plain.AsMemory((int)offset, (int)length), to, ct);
    }

    private static async Task SendSealedAsync(
        SafeFileHandle file, BlobCipher cipher, long offset, long length, PipeWriter to, CancellationToken ct)
    {
        var header = new byte[BlobCipher.HeaderBytes];
        RandomAccess.Read(file, header, 0);
        var sealedPiece = new byte[BlobCipher.PieceBytes + BlobCipher.TagBytes];
        var plain = new byte[BlobCipher.PieceBytes];
        while (length > 0)
        {
            var piece = offset / BlobCipher.PieceBytes;
            var within = (int)(offset % BlobCipher.PieceBytes);
            var read = ReadWhole(file, sealedPiece, BlobCipher.OffsetOf(piece)) - BlobCipher.TagBytes;
            if (read <= within)
            {
                throw new CryptographicException("A blob is shorter than the index says.");
            }

            cipher.Open(header, piece, sealedPiece.AsSpan(0, read + BlobCipher.TagBytes), plain.AsSpan(0, read));
            var count = (int)Math.Min(length, read - within);
            plain.AsSpan(within, count).CopyTo(to.GetSpan(count));
            to.Advance(count);
            offset += count;
            length -= count;
            await FlushAsync(to, ct);
        }
    }

    private static int ReadWhole(SafeFileHandle file, byte[] buffer, long offset)
    {
        var total = 0;
        int count;
        while (total < buffer.Length && (count = RandomAccess.Read(file, buffer.AsSpan(total), offset + total)) > 0)
        {
            total += count;
        }

        return total;
    }

    private static async ValueTask FlushAsync(ReadOnlyMemory<byte> bytes, PipeWriter to, CancellationToken ct)
    {
        if ((await to.WriteAsync(bytes, ct)).IsCompleted)
        {
            throw new OperationCanceledException("The client has gone.");
        }
    }

    private static async ValueTask FlushAsync(PipeWriter to, CancellationToken ct)
    {
        if ((await to.FlushAsync(ct)).IsCompleted)
        {
            throw new OperationCanceledException("The client has gone.");
        }
    }
}
