using System.Buffers.Binary;
using System.Text;
using Cloud.Switch.Frames;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Dhcp;

/// <summary>
/// DHCP (RFC 2131) without a pool: a port has one address, the control plane's, and gets it whatever it asks for and however often.
/// So nothing is held for a guest, and none can take what another needs.
/// </summary>
internal static class DhcpServer
{
    public const ushort ServerPort = 67;
    public const ushort ClientPort = 68;

    private const int OptionsAt = 240;
    private const uint MagicCookie = 0x63825363;
    private const byte BootRequest = 1;
    private const byte BootReply = 2;
    private const ushort BroadcastFlag = 0x8000;

    /// <summary>An address is kept for the instance's life; the lease only says how seldom to ask.</summary>
    private const uint LeaseSeconds = 30 * 24 * 3600;

    /// <summary>Fixed part, and the options below with a host name of 63 characters.</summary>
    private const int ReplyLengthMax = OptionsAt + 192;

    private enum Option : byte
    {
        Pad = 0,
        SubnetMask = 1,
        Router = 3,
        DomainNameServer = 6,
        HostName = 12,
        DomainName = 15,
        InterfaceMtu = 26,
        RequestedAddress = 50,
        LeaseTime = 51,
        MessageType = 53,
        ServerIdentifier = 54,
        DomainSearch = 119,
        End = 255,
    }

    private enum MessageType : byte
    {
        None = 0,
        Discover = 1,
        Offer = 2,
        Request = 3,
        Acknowledge = 5,
        Refuse = 6,
        Inform = 8,
    }

    /// <summary>Writes the frame that answers a client's message; its length, 0 where there is nothing to answer.</summary>
    public static int Answer(Port port, ReadOnlySpan<byte> message, Span<byte> frame)
    {
        if (message.Length < OptionsAt || message[0] != BootRequest || message[1] != 1 || message[2] != 6
            || BinaryPrimitives.ReadUInt32BigEndian(message[236..]) != MagicCookie || Ethernet.ReadMac(message[28..]) != port.Mac)
        {
            return 0;
        }

        var asked = ReadOptions(message[OptionsAt..]);
        if (asked.Server is not (0 or NetworkPlan.Router))
        {
            return 0;
        }

        var current = BinaryPrimitives.ReadUInt32BigEndian(message[12..]);
        var type = asked.Type switch
        {
            MessageType.Discover => MessageType.Offer,
            MessageType.Request when (asked.Address != 0 ? asked.Address : current) == port.Address => MessageType.Acknowledge,
            MessageType.Request => MessageType.Refuse,
            MessageType.Inform => MessageType.Acknowledge,
            _ => MessageType.None,
        };
        return type == MessageType.None ? 0 : WriteReply(port, message, type, asked.Type == MessageType.Inform, frame);
    }

    private static Asked ReadOptions(ReadOnlySpan<byte> options)
    {
        var asked = default(Asked);
        while (options.Length > 0 && options[0] != (byte)Option.End)
        {
            if (options[0] == (byte)Option.Pad)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options.Length - 2 < options[1])
            {
                break;
            }

            var value = options.Slice(2, options[1]);
            asked = (Option)options[0] switch
            {
                Option.MessageType when value.Length == 1 => asked with { Type = (MessageType)value[0] },
                Option.RequestedAddress when value.Length == 4 => asked with { Address = BinaryPrimitives.ReadUInt32BigEndian(value) },
                Option.ServerIdentifier when value.Length == 4 => asked with { Server = BinaryPrimitives.ReadUInt32BigEndian(value) },
                _ => asked,
            };
            options = options[(2 + value.Length)..];
        }

        return asked;
    }

    private static int WriteReply(Port port, ReadOnlySpan<byte> message, MessageType type, bool inform, Span<byte> frame)
    {
        frame = frame[..(UdpDatagram.DataAt + ReplyLengthMax)];
        frame.Clear();
        var reply = frame[UdpDatagram.DataAt..];
        // Transaction, seconds, flags, the client's current address; then chaddr.
        message[..16].CopyTo(reply);
        reply[0] = BootReply;
        reply[3] = 0;
        message.Slice(28, 16).CopyTo(reply[28..]);
        var refused = type == MessageType.Refuse;
        if (refused)
        {
            reply[12..16].Clear();
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(reply[16..], inform ? 0 : port.Address);
        }

        BinaryPrimitives.WriteUInt32BigEndian(reply[20..], NetworkPlan.Router);
        BinaryPrimitives.WriteUInt32BigEndian(reply[236..], MagicCookie);
        var options = new OptionWriter(reply[OptionsAt..]);
        options.Add(Option.MessageType, [(byte)type]);
        options.Add(Option.ServerIdentifier, NetworkPlan.Router);
        if (!refused)
        {
            if (!inform)
            {
                options.Add(Option.LeaseTime, LeaseSeconds);
            }

            options.Add(Option.SubnetMask, NetworkPlan.Mask);
            options.Add(Option.Router, NetworkPlan.Router);
            options.Add(Option.DomainNameServer, NetworkPlan.NameServer);
            options.Add(Option.HostName, Encoding.ASCII.GetBytes(port.Name));
            options.Add(Option.DomainName, Encoding.ASCII.GetBytes(NetworkPlan.Domain));
            options.Add(Option.DomainSearch, "\u0005cloud\u0008internal\0"u8);
            options.Add(Option.InterfaceMtu, [NetworkPlan.Mtu >> 8, NetworkPlan.Mtu & 0xff]);
        }

        options.End();
        var broadcast = refused || (BinaryPrimitives.ReadUInt16BigEndian(message[10..]) & BroadcastFlag) != 0;
        var length = UdpDatagram.DataAt + ReplyLengthMax;
        UdpDatagram.WriteFrame(
            frame,
            new(NetworkPlan.RouterMac, NetworkPlan.Router, ServerPort),
            broadcast ? new(NetworkPlan.BroadcastMac, uint.MaxValue, ClientPort) : new(port.Mac, port.Address, ClientPort));
        return length;
    }

    private readonly record struct Asked(MessageType Type, uint Address, uint Server);

    private ref struct OptionWriter(Span<byte> room)
    {
        private Span<byte> _room = room;

        public void Add(Option option, scoped ReadOnlySpan<byte> value)
        {
            _room[0] = (byte)option;
            _room[1] = (byte)value.Length;
            value.CopyTo(_room[2..]);
            _room = _room[(2 + value.Length)..];
        }

        public void Add(Option option, uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
            Add(option, bytes);
        }

        public readonly void End() => _room[0] = (byte)Option.End;
    }
}
