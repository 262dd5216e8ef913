using Cloud.Switch.Frames;

namespace Cloud.Switch.Tests.Frames;

public sealed class Ipv4Tests
{
    [Fact]
    public void Packet_AsWritten_IsReadBack()
    {
        var frame = Packet(Ipv4.Tcp, 40);

        Ipv4.TryRead(frame, out var packet).ShouldBeTrue();

        packet.Source.ShouldBe(0x0a500010u);
        packet.Destination.ShouldBe(0xc0000201u);
        packet.Protocol.ShouldBe(Ipv4.Tcp);
        packet.Payload.Length.ShouldBe(20);
        packet.IsFragment.ShouldBeFalse();
    }

    [Fact]
    public void Packet_WithPadding_EndsWhereItSays()
    {
        byte[] frame = [.. Packet(Ipv4.Udp, 28), 1, 2, 3, 4];

        Ipv4.TryRead(frame, out var packet).ShouldBeTrue();

        packet.Payload.Length.ShouldBe(8);
    }

    [Theory]
    [InlineData(0, 0x55)]
    [InlineData(0, 0x44)]
    [InlineData(0, 0x4f)]
    [InlineData(2, 0xff)]
    [InlineData(3, 10)]
    [InlineData(8, 1)]
    public void Packet_WithAWrongByte_IsNotRead(int at, byte value)
    {
        var frame = Packet(Ipv4.Udp, 28);
        frame[Ethernet.HeaderLength + at] = value;

        Ipv4.TryRead(frame, out _).ShouldBeFalse();
    }

    [Fact]
    public void Packet_CutAnywhere_IsNotRead()
    {
        var frame = Packet(Ipv4.Udp, 28);
        for (var length = 0; length < frame.Length; length++)
        {
            Ipv4.TryRead(frame.AsSpan(0, length), out _).ShouldBeFalse();
        }
    }

    [Theory]
    [InlineData(0x20, 0x00)]
    [InlineData(0x00, 0x01)]
    public void Packet_InParts_IsAFragment(byte high, byte low)
    {
        var frame = Packet(Ipv4.Udp, 28);
        frame[Ethernet.HeaderLength + 6] = high;
        frame[Ethernet.HeaderLength + 7] = low;
        MakeRight(frame);

        Ipv4.TryRead(frame, out var packet).ShouldBeTrue();

        packet.IsFragment.ShouldBeTrue();
    }

    [Fact]
    public void Packet_Readdressed_HasRightChecksums()
    {
        var frame = Packet(Ipv4.Tcp, 47);
        new Random(7).NextBytes(frame.AsSpan(34));
        Ipv4.TryRead(frame, out var packet).ShouldBeTrue();
        packet.Payload.Slice(TcpHeader.ChecksumAt, 2).Clear();
        var sum = Checksum.Finish(
            Checksum.Add(Ipv4.PseudoHeader(packet.Source, packet.Destination, Ipv4.Tcp, packet.Payload.Length), packet.Payload));
        packet.Payload[TcpHeader.ChecksumAt] = (byte)(sum >> 8);
        packet.Payload[TcpHeader.ChecksumAt + 1] = (byte)sum;

        packet.Readdress(source: false, NetworkPlan.Metadata);
        packet.Readdress(source: true, NetworkPlan.MetadataInside);

        Ipv4.TryRead(frame, out packet).ShouldBeTrue();
        packet.Destination.ShouldBe(NetworkPlan.Metadata);
        packet.Source.ShouldBe(NetworkPlan.MetadataInside);
        var pseudoHeader = Ipv4.PseudoHeader(packet.Source, packet.Destination, Ipv4.Tcp, packet.Payload.Length);
        Checksum.Finish(Checksum.Add(pseudoHeader, packet.Payload)).ShouldBe<ushort>(0);
    }

    [Fact]
    public void Checksum_OfTheStandardsExample_IsItsValue() =>
        // RFC 1071 §3: the sum of these is ddf2.
        Checksum.Of([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).ShouldBe(unchecked((ushort)~0xddf2));

    private static byte[] Packet(byte protocol, int length)
    {
        var frame = new byte[Ethernet.HeaderLength + length];
        Ethernet.WriteHeader(frame, 1, 2, Ethernet.TypeIpv4);
        Ipv4.WriteHeader(frame.AsSpan(Ethernet.HeaderLength), protocol, 0x0a500010, 0xc0000201);
        return frame;
    }

    private static void MakeRight(byte[] frame)
    {
        frame.AsSpan(24, 2).Clear();
        var sum = Checksum.Of(frame.AsSpan(14, 20));
        frame[24] = (byte)(sum >> 8);
        frame[25] = (byte)sum;
    }
}
