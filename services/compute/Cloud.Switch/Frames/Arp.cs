using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>ARP for IPv4 over Ethernet (RFC 826).</summary>
internal static class Arp
{
    public const int FrameLength = Ethernet.HeaderLength + 28;
    public const ushort Request = 1;
    public const ushort Reply = 2;

    /// <summary>Hardware type Ethernet, protocol type IPv4, lengths 6 and 4.</summary>
    private const ulong Kinds = 0x0001_0800_0604;

    /// <summary>Reads a request; false for anything else.</summary>
    public static bool TryReadRequest(ReadOnlySpan<byte> frame, out ulong senderMac, out uint sender, out uint target)
    {
        (senderMac, sender, target) = (0, 0, 0);
        if (frame.Length < FrameLength)
        {
            return false;
        }

        var arp = frame[Ethernet.HeaderLength..];
        if (Ethernet.ReadMac(arp) != Kinds || BinaryPrimitives.ReadUInt16BigEndian(arp[6..]) != Request)
        {
            return false;
        }

        senderMac = Ethernet.ReadMac(arp[8..]);
        sender = BinaryPrimitives.ReadUInt32BigEndian(arp[14..]);
        target = BinaryPrimitives.ReadUInt32BigEndian(arp[24..]);
        return true;
    }

    /// <summary>Writes a reply: <paramref name="sender"/> is at <paramref name="senderMac"/>.</summary>
    public static void WriteReply(Span<byte> frame, ulong senderMac, uint sender, ulong targetMac, uint target)
    {
        Ethernet.WriteHeader(frame, targetMac, senderMac, Ethernet.TypeArp);
        var arp = frame[Ethernet.HeaderLength..];
        Ethernet.WriteMac(arp, Kinds);
        BinaryPrimitives.WriteUInt16BigEndian(arp[6..], Reply);
        Ethernet.WriteMac(arp[8..], senderMac);
        BinaryPrimitives.WriteUInt32BigEndian(arp[14..], sender);
        Ethernet.WriteMac(arp[18..], targetMac);
        BinaryPrimitives.WriteUInt32BigEndian(arp[24..], target);
    }
}
