using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>An IPv4 header (RFC 791) that was checked against the frame it came in: every length lies within the frame.</summary>
internal readonly ref struct Ipv4
{
    public const int HeaderLengthMin = 20;
    public const byte Icmp = 1;
    public const byte Tcp = 6;
    public const byte Udp = 17;

    private const int MoreFragments = 0x2000;
    private const int FragmentOffset = 0x1fff;

    private Ipv4(Span<byte> packet, int headerLength)
    {
        Packet = packet;
        HeaderLength = headerLength;
    }

    /// <summary>Header and payload, without what padded the frame.</summary>
    public Span<byte> Packet { get; }

    public int HeaderLength { get; }

    public Span<byte> Payload => Packet[HeaderLength..];

    public byte Protocol => Packet[9];

    public uint Source => BinaryPrimitives.ReadUInt32BigEndian(Packet[12..]);

    public uint Destination => BinaryPrimitives.ReadUInt32BigEndian(Packet[16..]);

    public bool IsFragment => (BinaryPrimitives.ReadUInt16BigEndian(Packet[6..]) & (MoreFragments | FragmentOffset)) != 0;

    /// <summary>Reads the header of a frame's packet; false where anything in it is wrong.</summary>
    public static bool TryRead(Span<byte> frame, out Ipv4 packet)
    {
        packet = default;
        if (frame.Length < Ethernet.HeaderLength + HeaderLengthMin)
        {
            return false;
        }

        var bytes = frame[Ethernet.HeaderLength..];
        var headerLength = (bytes[0] & 0x0f) * 4;
        var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (bytes[0] >> 4 != 4 || headerLength < HeaderLengthMin || length < headerLength || length > bytes.Length
            || Checksum.Of(bytes[..headerLength]) != 0)
        {
            return false;
        }

        packet = new Ipv4(bytes[..length], headerLength);
        return true;
    }

    /// <summary>Replaces an address of a TCP packet, and what its checksums make of it.</summary>
    public void Readdress(bool source, uint address)
    {
        var at = source ? 12 : 16;
        var before = BinaryPrimitives.ReadUInt32BigEndian(Packet[at..]);
        BinaryPrimitives.WriteUInt32BigEndian(Packet[at..], address);
        Update(Packet[10..], before, address);
        Update(Payload[TcpHeader.ChecksumAt..], before, address);
    }

    /// <summary>Writes a header without options in front of a payload that stands at <see cref="HeaderLengthMin"/>.</summary>
    public static void WriteHeader(Span<byte> packet, byte protocol, uint source, uint destination)
    {
        packet[..HeaderLengthMin].Clear();
        packet[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
        packet[8] = 64;
        packet[9] = protocol;
        BinaryPrimitives.WriteUInt32BigEndian(packet[12..], source);
        BinaryPrimitives.WriteUInt32BigEndian(packet[16..], destination);
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Checksum.Of(packet[..HeaderLengthMin]));
    }

    /// <summary>The sum of the pseudo-header that UDP and TCP checksums begin with.</summary>
    public static uint PseudoHeader(uint source, uint destination, byte protocol, int length) =>
        (source >> 16) + (source & ushort.MaxValue) + (destination >> 16) + (destination & ushort.MaxValue) + protocol + (uint)length;

    private static void Update(Span<byte> checksum, uint before, uint after) => BinaryPrimitives.WriteUInt16BigEndian(
        checksum, Checksum.Replace(BinaryPrimitives.ReadUInt16BigEndian(checksum), before, after));
}
