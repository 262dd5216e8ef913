using System.Buffers.Binary;

namespace Cloud.Switch.Frames;

/// <summary>An Ethernet II header: destination 0-5, source 6-11, type 12-13. A MAC address is the low 48 bits of a number.</summary>
internal static class Ethernet
{
    public const int HeaderLength = 14;
    public const int FrameLengthMax = HeaderLength + NetworkPlan.Mtu;
    public const ushort TypeIpv4 = 0x0800;
    public const ushort TypeArp = 0x0806;

    public static ulong Destination(ReadOnlySpan<byte> frame) => ReadMac(frame);

    public static ulong Source(ReadOnlySpan<byte> frame) => ReadMac(frame[6..]);

    public static ushort Type(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);

    public static void WriteHeader(Span<byte> frame, ulong destination, ulong source, ushort type)
    {
        WriteMac(frame, destination);
        WriteMac(frame[6..], source);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], type);
    }

    public static ulong ReadMac(ReadOnlySpan<byte> bytes) =>
        ((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]);

    public static void WriteMac(Span<byte> bytes, ulong mac)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(mac >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)mac);
    }
}
