namespace Cloud.Switch.Frames;

/// <summary>
/// ICMP "communication administratively prohibited" (RFC 1812 §5.2.7.1): a guest that may not go somewhere learns it at once.
/// </summary>
internal static class IcmpRefusal
{
    private const byte Unreachable = 3;
    private const byte Prohibited = 13;
    private const int HeaderLength = 8;

    /// <summary>RFC 792: the refused packet's header and the first 8 bytes of what it carried.</summary>
    private const int QuotedPayload = 8;

    /// <summary>The longest frame that <see cref="Write"/> writes.</summary>
    public const int FrameLengthMax = Ethernet.HeaderLength + Ipv4.HeaderLengthMin + HeaderLength + 60 + QuotedPayload;

    /// <summary>Writes the frame that answers <paramref name="refused"/>; its length.</summary>
    public static int Write(Span<byte> frame, in Ipv4 refused, ulong mac)
    {
        var quoted = Math.Min(refused.Packet.Length, refused.HeaderLength + QuotedPayload);
        var icmpLength = HeaderLength + quoted;
        var packetLength = Ipv4.HeaderLengthMin + icmpLength;
        Ethernet.WriteHeader(frame, mac, NetworkPlan.RouterMac, Ethernet.TypeIpv4);
        var packet = frame.Slice(Ethernet.HeaderLength, packetLength);
        Ipv4.WriteHeader(packet, Ipv4.Icmp, NetworkPlan.Router, refused.Source);
        var icmp = packet[Ipv4.HeaderLengthMin..];
        icmp[..HeaderLength].Clear();
        icmp[0] = Unreachable;
        icmp[1] = Prohibited;
        refused.Packet[..quoted].CopyTo(icmp[HeaderLength..]);
        var sum = Checksum.Of(icmp);
        icmp[2] = (byte)(sum >> 8);
        icmp[3] = (byte)sum;
        return Ethernet.HeaderLength + packetLength;
    }
}
