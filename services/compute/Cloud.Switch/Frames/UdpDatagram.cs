using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>A UDP datagram (RFC 768) whose length was checked against its packet.</summary>
internal readonly ref struct UdpDatagram
{
    public const int HeaderLength = 8;

    /// <summary>Where the data stands in a frame that <see cref="WriteFrame"/> writes.</summary>
    public const int DataAt = Ethernet.HeaderLength + Ipv4.HeaderLengthMin + HeaderLength;

    private readonly ReadOnlySpan<byte> _bytes;

    private UdpDatagram(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    public ushort SourcePort => BinaryPrimitives.ReadUInt16BigEndian(_bytes);

    public ushort DestinationPort => BinaryPrimitives.ReadUInt16BigEndian(_bytes[2..]);

    public ReadOnlySpan<byte> Data => _bytes[HeaderLength..];

    public static bool TryRead(ReadOnlySpan<byte> payload, out UdpDatagram datagram)
    {
        datagram = default;
        if (payload.Length < HeaderLength)
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt16BigEndian(payload[4..]);
        if (length < HeaderLength || length > payload.Length)
        {
            return false;
        }

        datagram = new UdpDatagram(payload[..length]);
        return true;
    }

    /// <summary>Writes the headers of a frame whose data stands at <see cref="DataAt"/> already, and its checksum.</summary>
    public static void WriteFrame(Span<byte> frame, Endpoint from, Endpoint to)
    {
        Ethernet.WriteHeader(frame, to.Mac, from.Mac, Ethernet.TypeIpv4);
        Ipv4.WriteHeader(frame[Ethernet.HeaderLength..], Ipv4.Udp, from.Address, to.Address);
        var udp = frame[(DataAt - HeaderLength)..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, from.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], to.Port);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], (ushort)udp.Length);
        udp[6..8].Clear();
        var sum = Checksum.Finish(Checksum.Add(Ipv4.PseudoHeader(from.Address, to.Address, Ipv4.Udp, udp.Length), udp));
        // RFC 768: a checksum of 0 means none; a computed 0 is sent as all ones.
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], sum == 0 ? ushort.MaxValue : sum);
    }

    /// <summary>One end of a datagram's way.</summary>
    public readonly record struct Endpoint(ulong Mac, uint Address, ushort Port);
}
