using Cloud.Switch.Dhcp;
using Cloud.Switch.Dns;
using Cloud.Switch.Frames;
using Cloud.Switch.Nat;

namespace Cloud.Switch.Ports;

/// <summary>
/// Where a guest's frame goes. The guest is known by the port the frame came in at; what the frame says of its sender must agree, or it is
/// dropped. Nothing in here throws for anything a guest sends.
/// </summary>
internal sealed class Forwarder(RouteGuard guard)
{
    private readonly byte[] _reply = new byte[Ethernet.FrameLengthMax];

    public void Forward(Port port, Span<byte> frame, long now)
    {
        port.CountFromGuest(frame.Length);
        if (frame.Length < Ethernet.HeaderLength || frame.Length > Ethernet.FrameLengthMax || Ethernet.Source(frame) != port.Mac)
        {
            port.CountRefused();
            return;
        }

        switch (Ethernet.Type(frame))
        {
            case Ethernet.TypeArp:
                AnswerArp(port, frame, now);
                break;
            case Ethernet.TypeIpv4 when Ipv4.TryRead(frame, out var packet):
                ForwardPacket(port, frame, packet, now);
                break;
            default:
                // IPv6, VLAN tags and all else: a project's network speaks IPv4.
                port.CountRefused();
                break;
        }
    }

    /// <summary>
    /// The switch knows where every address is, so it answers for all of them: no guest can claim another's, and none is asked.
    /// </summary>
    private void AnswerArp(Port port, ReadOnlySpan<byte> frame, long now)
    {
        if (!Arp.TryReadRequest(frame, out var senderMac, out var sender, out var target) || senderMac != port.Mac
            || (sender != 0 && sender != port.Address))
        {
            port.CountRefused();
            return;
        }

        var mac = target switch
        {
            NetworkPlan.Router or NetworkPlan.NameServer or NetworkPlan.Metadata => NetworkPlan.RouterMac,
            // Its own: a probe for duplicates (RFC 5227) or an announcement. Silence says that nobody else has it.
            _ when target == port.Address => 0ul,
            _ when port.Network.FindService(target) is not null => NetworkPlan.RouterMac,
            _ => port.Network.FindByAddress(target)?.Mac ?? 0,
        };
        if (mac != 0)
        {
            Arp.WriteReply(_reply, mac, target, port.Mac, sender);
            port.Deliver(_reply.AsSpan(0, Arp.FrameLength), now);
        }
    }

    private void ForwardPacket(Port port, Span<byte> frame, in Ipv4 packet, long now)
    {
        if (IsDhcp(port, packet, out var dhcp))
        {
            var length = DhcpServer.Answer(port, dhcp.Data, _reply);
            if (length > 0)
            {
                port.Deliver(_reply.AsSpan(0, length), now);
            }

            return;
        }

        var destination = Ethernet.Destination(frame);
        if (packet.Source != port.Address || IsDhcpReply(packet))
        {
            port.CountRefused();
        }
        else if (destination == NetworkPlan.RouterMac && port.Home is { } home)
        {
            home.Route(port.Spec.Id, frame, now);
        }
        else if (destination == NetworkPlan.RouterMac)
        {
            Route(port, frame, packet, now);
        }
        else if (destination == NetworkPlan.BroadcastMac)
        {
            Broadcast(port, frame, packet, now);
        }
        else if (port.Network.FindByMac(destination) is { } sibling && sibling != port)
        {
            sibling.Deliver(frame, now);
        }
        else
        {
            port.CountRefused();
        }
    }

    /// <summary>A client's message: from 0.0.0.0 before it has its address, from its address when it renews.</summary>
    private static bool IsDhcp(Port port, in Ipv4 packet, out UdpDatagram datagram)
    {
        datagram = default;
        return packet.Protocol == Ipv4.Udp && (packet.Source == 0 || packet.Source == port.Address) && !packet.IsFragment
            && packet.Destination is uint.MaxValue or NetworkPlan.Router or NetworkPlan.Broadcast
            && UdpDatagram.TryRead(packet.Payload, out datagram)
            && datagram.SourcePort == DhcpServer.ClientPort && datagram.DestinationPort == DhcpServer.ServerPort;
    }

    /// <summary>A guest that would be another's DHCP server.</summary>
    private static bool IsDhcpReply(in Ipv4 packet) => packet.Protocol == Ipv4.Udp && !packet.IsFragment
        && UdpDatagram.TryRead(packet.Payload, out var datagram) && datagram.DestinationPort == DhcpServer.ClientPort;

    private static void Broadcast(Port port, ReadOnlySpan<byte> frame, in Ipv4 packet, long now)
    {
        if (packet.Destination is not (uint.MaxValue or NetworkPlan.Broadcast) || packet.Protocol != Ipv4.Udp
            || !port.Broadcasts.TryTake(now))
        {
            port.CountRefused();
            return;
        }

        foreach (var other in port.Network.Stations)
        {
            if (other != port)
            {
                other.Deliver(frame, now);
            }
        }
    }

    private void Route(Port port, Span<byte> frame, in Ipv4 packet, long now)
    {
        // libslirp 4.7 puts packets together from their parts in a way that a guest can make it write past its memory with.
        // What it never sees can't: no parts, and no options.
        if (packet.IsFragment || packet.HeaderLength != Ipv4.HeaderLengthMin)
        {
            port.CountRefused();
            return;
        }

        var allowed = packet.Destination switch
        {
            NetworkPlan.NameServer => AllowsNameServer(port, packet, now),
            NetworkPlan.Router => AllowsRouter(packet),
            NetworkPlan.Metadata => AllowsMetadata(port, packet),
            >= NetworkPlan.ServiceFirst and <= NetworkPlan.ServiceLast => AllowsService(port, packet),
            _ => AllowsOutside(port, packet),
        };
        if (allowed == Verdict.Pass)
        {
            port.Uplink.Input(frame);
        }
        else if (allowed == Verdict.Refuse)
        {
            Refuse(port, packet, now);
        }
    }

    private Verdict AllowsNameServer(Port port, in Ipv4 packet, long now)
    {
        if (IsPing(packet))
        {
            return Verdict.Pass;
        }

        if (packet.Protocol == Ipv4.Udp && UdpDatagram.TryRead(packet.Payload, out var query) && query.DestinationPort == DnsResponder.Port)
        {
            var length = DnsResponder.Answer(port.Network, query.Data, _reply.AsSpan(UdpDatagram.DataAt));
            if (length == 0)
            {
                return port.Uplink.IsFull ? Verdict.Refuse : Verdict.Pass;
            }

            var frame = _reply.AsSpan(0, UdpDatagram.DataAt + length);
            UdpDatagram.WriteFrame(
                frame,
                new(NetworkPlan.RouterMac, NetworkPlan.NameServer, DnsResponder.Port),
                new(port.Mac, port.Address, query.SourcePort));
            port.Deliver(frame, now);
            return Verdict.Done;
        }

        return packet.Protocol == Ipv4.Tcp && TcpHeader.TryRead(packet.Payload, out var header)
            && header.DestinationPort == DnsResponder.Port
            ? AllowsConnection(port, header)
            : Verdict.Refuse;
    }

    /// <summary>A ping, and the connections that published ports began. Nothing of the host listens there.</summary>
    private static Verdict AllowsRouter(in Ipv4 packet) => packet.Protocol switch
    {
        Ipv4.Icmp when IsPing(packet) => Verdict.Pass,
        Ipv4.Tcp when TcpHeader.TryRead(packet.Payload, out var header) && !header.Opens => Verdict.Pass,
        _ => Verdict.Refuse,
    };

    private static Verdict AllowsMetadata(Port port, in Ipv4 packet)
    {
        if (packet.Protocol != Ipv4.Tcp || !TcpHeader.TryRead(packet.Payload, out var header)
            || header.DestinationPort != NetworkPlan.MetadataPort)
        {
            return Verdict.Refuse;
        }

        var verdict = AllowsConnection(port, header);
        if (verdict == Verdict.Pass)
        {
            packet.Readdress(source: false, NetworkPlan.MetadataInside);
        }

        return verdict;
    }

    /// <summary>Connections to the one port of a server of this network. What is no beginning of one goes on, or is reset.</summary>
    private static Verdict AllowsService(Port port, in Ipv4 packet)
    {
        if (packet.Protocol != Ipv4.Tcp || !TcpHeader.TryRead(packet.Payload, out var header))
        {
            return Verdict.Refuse;
        }

        if (!header.Opens)
        {
            return Verdict.Pass;
        }

        return port.Network.FindService(packet.Destination) is { } service && service.Port == header.DestinationPort
            && !port.Uplink.IsFull && port.Uplink.Reach(service) ? Verdict.Pass : Verdict.Refuse;
    }

    private Verdict AllowsOutside(Port port, in Ipv4 packet)
    {
        if (!guard.Allows(packet.Destination))
        {
            return Verdict.Refuse;
        }

        return packet.Protocol switch
        {
            Ipv4.Tcp when TcpHeader.TryRead(packet.Payload, out var header) => AllowsConnection(port, header),
            Ipv4.Udp when !port.Uplink.IsFull && UdpDatagram.TryRead(packet.Payload, out _) => Verdict.Pass,
            Ipv4.Icmp when !port.Uplink.IsFull && IsPing(packet) => Verdict.Pass,
            _ => Verdict.Refuse,
        };
    }

    /// <summary>An echo request (RFC 792).</summary>
    private static bool IsPing(in Ipv4 packet) => packet.Protocol == Ipv4.Icmp && packet.Payload.Length >= 8 && packet.Payload[0] == 8;

    private static Verdict AllowsConnection(Port port, in TcpHeader header) =>
        header.Opens && port.Uplink.IsFull ? Verdict.Refuse : Verdict.Pass;

    private void Refuse(Port port, in Ipv4 packet, long now)
    {
        port.CountRefused();
        // RFC 1122 §3.2.2: no ICMP error about an ICMP message.
        if (packet.Protocol != Ipv4.Icmp && port.Refusals.TryTake(now))
        {
            port.Deliver(_reply.AsSpan(0, IcmpRefusal.Write(_reply, packet, port.Mac)), now);
        }
    }

    private enum Verdict
    {
        Refuse,

        /// <summary>To libslirp.</summary>
        Pass,

        /// <summary>Answered already.</summary>
        Done,
    }
}
