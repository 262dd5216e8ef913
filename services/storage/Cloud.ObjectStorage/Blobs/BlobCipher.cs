using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>
/// Encrypts a blob: AES-256-GCM in pieces of 64 KiB, each with its tag, so that any range can be read and none can be changed unseen. The
/// blob begins with 8 bytes of chance; with the piece's number they are its nonce.
/// </summary>
internal sealed class BlobCipher(byte[] key) : IDisposable
{
    public const int PieceBytes = 64 * 1024;
    public const int HeaderBytes = 8;
    public const int TagBytes = 16;
    public const int KeyBytes = 32;
    private const int NonceBytes = 12;

    private readonly AesGcm _aes = new(key, TagBytes);

    /// <summary>Where a piece begins in the file.</summary>
    public static long OffsetOf(long piece) => HeaderBytes + (piece * (PieceBytes + TagBytes));

    /// <param name="sealedPiece">As long as the plain one, and the tag.</param>
    public void Seal(ReadOnlySpan<byte> header, long piece, ReadOnlySpan<byte> plain, Span<byte> sealedPiece)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Nonce(header, piece, nonce);
        _aes.Encrypt(nonce, plain, sealedPiece[..plain.Length], sealedPiece.Slice(plain.Length, TagBytes));
    }

    /// <summary>How long a blob is of so many plain bytes.</summary>
    public static long LengthOf(long plainBytes) =>
        plainBytes == 0 ? 0 : HeaderBytes + plainBytes + (((plainBytes + PieceBytes - 1) / PieceBytes) * TagBytes);

    /// <summary>A blob of one piece, as it lies on the disk.</summary>
    public byte[] SealWhole(ReadOnlySpan<byte> plain)
    {
        var blob = new byte[HeaderBytes + plain.Length + TagBytes];
        RandomNumberGenerator.Fill(blob.AsSpan(0, HeaderBytes));
        Seal(blob.AsSpan(0, HeaderBytes), 0, plain, blob.AsSpan(HeaderBytes));
        return blob;
    }

    /// <exception cref="CryptographicException">It is not what was sealed, or the key is another.</exception>
    public void Open(ReadOnlySpan<byte> header, long piece, ReadOnlySpan<byte> sealedPiece, Span<byte> plain)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        Nonce(header, piece, nonce);
        _aes.Decrypt(nonce, sealedPiece[..^TagBytes], sealedPiece[^TagBytes..], plain);
    }

    public void Dispose() => _aes.Dispose();

    private static void Nonce(ReadOnlySpan<byte> header, long piece, Span<byte> nonce)
    {
        header.CopyTo(nonce);
        BinaryPrimitives.WriteUInt32BigEndian(nonce[HeaderBytes..], checked((uint)piece));
    }
}
