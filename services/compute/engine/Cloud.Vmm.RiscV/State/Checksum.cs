using System.Numerics;
using System.Runtime.InteropServices;

namespace Cloud.Vmm.RiscV.State;

/// <summary>CRC-32C (RFC 3720, B.4), by the host's instruction for it.</summary>
internal static class Checksum
{
    internal static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words)
        {
            sum = BitOperations.Crc32C(sum, word);
        }

        foreach (byte last in bytes[(words.Length * sizeof(ulong))..])
        {
            sum = BitOperations.Crc32C(sum, last);
        }

        return ~sum;
    }

    /// <summary>
    /// Of a page of memory, never 0: the CRC of its four quarters' CRCs, so that the host computes four at a time, each as long as its
    /// instruction takes.
    /// </summary>
    internal static uint OfPage(ReadOnlySpan<byte> page)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(page);
        int quarter = words.Length / 4;
        ReadOnlySpan<ulong> first = words[..quarter];
        ReadOnlySpan<ulong> second = words.Slice(quarter, quarter);
        ReadOnlySpan<ulong> third = words.Slice(2 * quarter, quarter);
        ReadOnlySpan<ulong> fourth = words.Slice(3 * quarter, quarter);
        uint a = uint.MaxValue, b = uint.MaxValue, c = uint.MaxValue, d = uint.MaxValue;
        for (int i = 0; i < first.Length; i++)
        {
            a = BitOperations.Crc32C(a, first[i]);
            b = BitOperations.Crc32C(b, second[i]);
            c = BitOperations.Crc32C(c, third[i]);
            d = BitOperations.Crc32C(d, fourth[i]);
        }

        uint sum = BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, (ulong)a << 32 | b), (ulong)c << 32 | d);
        return Math.Max(sum, 1);
    }
}
