using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Cloud.ObjectStorage.S3.Checksums;

/// <summary>
/// A cyclic redundancy check with reflected bits, of up to 64 bits: eight bytes a step by eight tables ("slicing-by-8", Kounavis and
/// Berry).
/// </summary>
internal sealed class CrcKind
{
    private const int Slices = 8;

    private readonly ulong[] _table = new ulong[Slices * 256];
    private readonly ulong _polynomial;
    private readonly ulong _mask;

    private CrcKind(int bits, ulong polynomial)
    {
        Bits = bits;
        _polynomial = polynomial;
        _mask = bits == 64 ? ulong.MaxValue : (1UL << bits) - 1;
        for (var value = 0; value < 256; value++)
        {
            var crc = (ulong)value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ polynomial;
            }

            _table[value] = crc;
        }

        for (var slice = 1; slice < Slices; slice++)
        {
            for (var value = 0; value < 256; value++)
            {
                var before = _table[((slice - 1) * 256) + value];
                _table[(slice * 256) + value] = _table[(int)(before & 0xFF)] ^ (before >> 8);
            }
        }
    }

    /// <summary>IEEE 802.3.</summary>
    public static CrcKind Crc32 { get; } = new(32, 0xEDB88320);

    /// <summary>Castagnoli's.</summary>
    public static CrcKind Crc32C { get; } = new(32, 0x82F63B78);

    /// <summary>The one of the NVM Express specification.</summary>
    public static CrcKind Crc64Nvme { get; } = new(64, 0x9A6C9329AC4BC9B5);

    public int Bits { get; }

    /// <summary>Goes on from the value of what came before; 0 for nothing.</summary>
    public ulong Append(ulong value, ReadOnlySpan<byte> bytes)
    {
        var crc = value ^ _mask;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        var table = _table;
        foreach (var word in words)
        {
            crc ^= BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word);
            crc = table[1792 + (int)(crc & 0xFF)] ^ table[1536 + (int)((crc >> 8) & 0xFF)]
                ^ table[1280 + (int)((crc >> 16) & 0xFF)] ^ table[1024 + (int)((crc >> 24) & 0xFF)]
                ^ table[768 + (int)((crc >> 32) & 0xFF)] ^ table[512 + (int)((crc >> 40) & 0xFF)]
                ^ table[256 + (int)((crc >> 48) & 0xFF)] ^ table[(int)(crc >> 56)];
        }

        foreach (var b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = table[(int)((crc ^ b) & 0xFF)] ^ (crc >> 8);
        }

        return crc ^ _mask;
    }

    /// <summary>The value of two stretches of bytes, one after the other, from the values of each.</summary>
    /// <param name="length">Of the second, in bytes.</param>
    public ulong Combine(ulong first, ulong second, long length)
    {
        if (length == 0)
        {
            return first;
        }

        // One zero bit appended is a linear map; squared again and again it is that of 2, 4, 8… zero bits (Adler, zlib's crc32_combine).
        var map = new ulong[Bits];
        map[0] = _polynomial;
        for (var bit = 1; bit < Bits; bit++)
        {
            map[bit] = 1UL << (bit - 1);
        }

        for (var doubling = 0; doubling < 3; doubling++)
        {
            map = Square(map);
        }

        for (var rest = length; rest != 0; rest >>= 1, map = Square(map))
        {
            if ((rest & 1) != 0)
            {
                first = Times(map, first);
            }
        }

        return first ^ second;
    }

    private static ulong[] Square(ulong[] map) => Array.ConvertAll(map, column => Times(map, column));

    private static ulong Times(ulong[] map, ulong vector)
    {
        var sum = 0UL;
        for (var bit = 0; vector != 0; vector >>= 1, bit++)
        {
            if ((vector & 1) != 0)
            {
                sum ^= map[bit];
            }
        }

        return sum;
    }
}
