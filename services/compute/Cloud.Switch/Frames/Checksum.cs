using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>The Internet checksum (RFC 1071) and its update when a part changes (RFC 1624).</summary>
internal static class Checksum
{
    /// <summary>The sum of 16-bit words, to go on with or to finish.</summary>
    public static uint Add(uint sum, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            bytes = bytes[2..];
        }

        return bytes.Length == 1 ? sum + ((uint)bytes[0] << 8) : sum;
    }

    public static ushort Finish(uint sum)
    {
        while (sum > ushort.MaxValue)
        {
            sum = (sum & ushort.MaxValue) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    public static ushort Of(ReadOnlySpan<byte> bytes) => Finish(Add(0, bytes));

    /// <summary>The checksum after an address it covers has become another.</summary>
    public static ushort Replace(ushort checksum, uint before, uint after)
    {
        // RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
        var sum = (uint)(ushort)~checksum;
        sum += (ushort)~(before >> 16);
        sum += (ushort)~before;
        sum += (ushort)(after >> 16);
        sum += (ushort)after;
        return Finish(sum);
    }
}
