using System.Buffers.Binary;
using System.Net;
using System.Text;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A guest that puts on its wire what a test wants, and tells what came back.</summary>
internal sealed class RawGuest : IDisposable
{
    public RawGuest(SwitchFolder folder, SwitchPort port)
    {
        Wire = new GuestWire(folder, port);
        Mac = MacOf(port);
        Address = AddressOf(port);
    }

    public GuestWire Wire { get; }

    public ulong Mac { get; }

    public uint Address { get; }

    public static ulong MacOf(SwitchPort port) => Convert.ToUInt64(port.MacAddress.Replace(":", "", StringComparison.Ordinal), 16);

    public static uint AddressOf(SwitchPort port) => BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(port.Address).GetAddressBytes());

    public static byte[] Udp(UdpDatagram.Endpoint from, UdpDatagram.Endpoint to, string text) =>
        Udp(from, to, Encoding.UTF8.GetBytes(text));

    public static byte[] Udp(UdpDatagram.Endpoint from, UdpDatagram.Endpoint to, byte[] data)
    {
        var frame = new byte[UdpDatagram.DataAt + data.Length];
        data.CopyTo(frame, UdpDatagram.DataAt);
        UdpDatagram.WriteFrame(frame, from, to);
        return frame;
    }

    public static byte[] ArpRequest(ulong senderMac, uint sender, uint target, ulong? frameMac = null)
    {
        var frame = new byte[Arp.FrameLength];
        Arp.WriteReply(frame, senderMac, sender, 0, target);
        Ethernet.WriteHeader(frame, NetworkPlan.BroadcastMac, frameMac ?? senderMac, Ethernet.TypeArp);
        frame[Ethernet.HeaderLength + 7] = (byte)Arp.Request;
        return frame;
    }

    /// <summary>
    /// All frames that came, up to the answer to a question that was asked last: what the switch was going to send before it is in there.
    /// A question may be lost, as on any network, and is asked again.
    /// </summary>
    public List<byte[]> ReceiveAll()
    {
        var frames = new List<byte[]>();
        for (var tries = 0; tries < 10;)
        {
            if (tries == 0 || Wire.Receive(limitMilliseconds: 1000) is not { } frame)
            {
                Wire.Send(ArpRequest(Mac, Address, NetworkPlan.Router));
                tries++;
                continue;
            }

            if (Ethernet.Type(frame) == Ethernet.TypeArp && frame[Ethernet.HeaderLength + 7] == Arp.Reply
                && BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(Ethernet.HeaderLength + 14)) == NetworkPlan.Router)
            {
                return frames;
            }

            frames.Add(frame);
        }

        throw new TimeoutException("The switch does not answer.");
    }

    public void Dispose() => Wire.Dispose();
}
