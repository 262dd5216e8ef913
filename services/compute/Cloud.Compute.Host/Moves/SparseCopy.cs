using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Compute.Host.Moves;

/// <summary>
/// Files with holes over a connection: pieces of data, each with its place, the last of length 0. What the file does not have is neither
/// sent nor written.
/// </summary>
internal static class SparseCopy
{
    private const int HeaderBytes = 16;
    private const int PieceBytes = 1 << 20;
    private const int BlockBytes = 1 << 12;

    public static async Task SendAsync(SafeFileHandle file, Stream to, CancellationToken ct)
    {
        var length = RandomAccess.GetLength(file);
        var piece = new byte[HeaderBytes + PieceBytes];
        for (var offset = 0L; offset < length;)
        {
            var read = await RandomAccess.ReadAsync(file, piece.AsMemory(HeaderBytes), offset, ct);
            if (read == 0)
            {
                break;
            }

            await SendDataAsync(piece, offset, read, to, ct);
            offset += read;
        }

        BinaryPrimitives.WriteInt64LittleEndian(piece, length);
        BinaryPrimitives.WriteInt64LittleEndian(piece.AsSpan(8), 0);
        await to.WriteAsync(piece.AsMemory(0, HeaderBytes), ct);
    }

    /// <summary>Writes a new file; its bytes are not on the disk yet when this ends.</summary>
    public static async Task ReceiveAsync(Stream from, string path, CancellationToken ct)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        var header = new byte[HeaderBytes];
        var piece = new byte[PieceBytes];
        while (true)
        {
            await from.ReadExactlyAsync(header, ct);
            var offset = BinaryPrimitives.ReadInt64LittleEndian(header);
            var length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(8));
            if (length == 0)
            {
                RandomAccess.SetLength(file, offset);
                return;
            }

            if (offset < 0 || length is < 0 or > PieceBytes)
            {
                throw new IOException("What came is no part of a file.");
            }

            await from.ReadExactlyAsync(piece.AsMemory(0, (int)length), ct);
            await RandomAccess.WriteAsync(file, piece.AsMemory(0, (int)length), offset, ct);
        }
    }

    /// <summary>Sends the blocks that are not zeros, neighbours together.</summary>
    private static async Task SendDataAsync(byte[] piece, long offset, int length, Stream to, CancellationToken ct)
    {
        for (var at = 0; at < length;)
        {
            if (IsZero(piece, at, length))
            {
                at += BlockBytes;
                continue;
            }

            var end = at;
            while (end < length && !IsZero(piece, end, length))
            {
                end += BlockBytes;
            }

            end = Math.Min(end, length);
            var header = new byte[HeaderBytes];
            BinaryPrimitives.WriteInt64LittleEndian(header, offset + at);
            BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), end - at);
            await to.WriteAsync(header, ct);
            await to.WriteAsync(piece.AsMemory(HeaderBytes + at, end - at), ct);
            at = end;
        }
    }

    private static bool IsZero(byte[] piece, int at, int length) =>
        !piece.AsSpan(HeaderBytes + at, Math.Min(BlockBytes, length - at)).ContainsAnyExcept((byte)0);
}
