using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>As much of a TCP header (RFC 9293) as the switch looks at.</summary>
internal readonly ref struct TcpHeader
{
    public const int LengthMin = 20;
    public const int ChecksumAt = 16;

    private const byte Syn = 0x02;
    private const byte Ack = 0x10;

    private readonly ReadOnlySpan<byte> _bytes;

    private TcpHeader(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    /// <summary>The first packet of a connection that its sender opens.</summary>
    public bool Opens => (_bytes[13] & (Syn | Ack)) == Syn;

    public static bool TryRead(ReadOnlySpan<byte> payload, out TcpHeader header)
    {
        header = default;
        if (payload.Length < LengthMin || (payload[12] >> 4) * 4 is var length && (length < LengthMin || length > payload.Length))
        {
            return false;
        }

        header = new TcpHeader(payload);
        return true;
    }
}
