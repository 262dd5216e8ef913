using System.Buffers.Binary;
using System.Net;
using Cloud.Switch.Client;
using Cloud.Switch.Dhcp;
using Cloud.Switch.Frames;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Tests.Dhcp;

public sealed class DhcpServerTests
{
    private const ulong Mac = 0x52540a500010;
    private const uint Address = NetworkPlan.Subnet + 16;
    private const byte Discover = 1;
    private const byte Request = 3;

    private static readonly Port Port = new(
        new SwitchPort
        {
            Id = "i-1",
            Project = "p",
            HostName = "Guest",
            MacAddress = "52:54:0a:50:00:10",
            Address = "10.80.0.16",
            GuestSocket = "/nowhere",
            Published = [],
            Metadata = new PortMetadata { AuthorizedKeys = [], MetaData = "", NetworkConfig = "" },
        },
        new Network(),
        sockets: null!);

    [Fact]
    public void Discover_OfThePortsMac_IsOfferedItsAddress()
    {
        var reply = Answer(Message(Discover, Mac));

        TypeOf(reply).ShouldBe<byte>(2);
        AddressIn(reply, 16).ShouldBe(Address);
        reply.AsSpan(4, 4).ToArray().ShouldBe([1, 2, 3, 4]);
    }

    [Fact]
    public void Request_OfItsAddress_IsAcknowledged() =>
        TypeOf(Answer(Message(Request, Mac, requested: Address))).ShouldBe<byte>(5);

    [Fact]
    public void Request_ToRenew_IsAcknowledged() =>
        TypeOf(Answer(Message(Request, Mac, current: Address))).ShouldBe<byte>(5);

    [Fact]
    public void Request_OfAnothersAddress_IsRefused()
    {
        var reply = Answer(Message(Request, Mac, requested: Address + 1));

        TypeOf(reply).ShouldBe<byte>(6);
        AddressIn(reply, 16).ShouldBe(0u);
    }

    [Fact]
    public void Request_ToAnotherServer_IsNotAnswered() =>
        Answer(Message(Request, Mac, requested: Address, server: NetworkPlan.Subnet + 9)).ShouldBeEmpty();

    [Fact]
    public void Message_OfAnotherMac_IsNotAnswered() => Answer(Message(Discover, Mac + 1)).ShouldBeEmpty();

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(239)]
    public void Message_CutShort_IsNotAnswered(int length) => Answer(Message(Discover, Mac)[..length]).ShouldBeEmpty();

    [Fact]
    public void Message_WithAnOptionPastItsEnd_IsNotAnswered()
    {
        var message = Message(Discover, Mac)[..242];
        message[240] = 53;
        message[241] = 200;

        Answer(message).ShouldBeEmpty();
    }

    /// <summary>A client's message of 300 bytes, as BOOTP has them at least.</summary>
    internal static byte[] Message(byte type, ulong mac, uint requested = 0, uint current = 0, uint server = 0)
    {
        var message = new byte[300];
        byte[] start = [1, 1, 6, 0, 1, 2, 3, 4];
        start.CopyTo(message, 0);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), current);
        Ethernet.WriteMac(message.AsSpan(28), mac);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(236), 0x63825363);
        var options = new List<byte> { 0, 53, 1, type };
        foreach (var (option, value) in ((byte, uint)[])[(50, requested), (54, server)])
        {
            if (value != 0)
            {
                options.AddRange([option, 4, .. BitConverter.GetBytes(IPAddress.HostToNetworkOrder((int)value))]);
            }
        }

        options.Add(255);
        options.CopyTo(message, 240);
        return message;
    }

    private static byte[] Answer(byte[] message)
    {
        var frame = new byte[Ethernet.FrameLengthMax];
        var length = DhcpServer.Answer(Port, message, frame);
        if (length == 0)
        {
            return [];
        }

        // What was written is a right packet all through.
        Ipv4.TryRead(frame.AsSpan(0, length), out var packet).ShouldBeTrue();
        UdpDatagram.TryRead(packet.Payload, out var datagram).ShouldBeTrue();
        var pseudoHeader = Ipv4.PseudoHeader(packet.Source, packet.Destination, Ipv4.Udp, packet.Payload.Length);
        Checksum.Finish(Checksum.Add(pseudoHeader, packet.Payload)).ShouldBe<ushort>(0);
        return datagram.Data.ToArray();
    }

    private static byte TypeOf(byte[] reply) => reply[242];

    private static uint AddressIn(byte[] reply, int at) => BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(at));
}
