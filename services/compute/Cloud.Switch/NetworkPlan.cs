namespace Cloud.Switch;

/// <summary>
/// What every project's network looks like: the same subnet, for no two are connected. Addresses are in the host's byte order.
/// </summary>
internal static class NetworkPlan
{
    /// <summary>10.80.0.0/20.</summary>
    public const uint Subnet = (10u << 24) | (80u << 16);
    public const int PrefixLength = 20;
    public const uint Mask = uint.MaxValue << (32 - PrefixLength);
    public const uint Broadcast = Subnet | ~Mask;

    /// <summary>The way out; a guest sees the host's side of its published ports as this.</summary>
    public const uint Router = Subnet + 2;
    public const uint NameServer = Subnet + 3;

    /// <summary>Where the metadata's connections go inside libslirp, which ends none outside the subnet. No guest can address it.</summary>
    public const uint MetadataInside = Subnet + 4;

    /// <summary>Guests have addresses from here on.</summary>
    public const uint GuestFirst = Subnet + 16;
    public const uint GuestLast = ServiceFirst - 2;

    /// <summary>10.80.15.1: from here on the cloud's own servers have addresses.</summary>
    public const uint ServiceFirst = Subnet + (15 << 8) + 1;
    public const uint ServiceLast = Broadcast - 1;

    /// <summary>169.254.169.254.</summary>
    public const uint Metadata = (169u << 24) | (254u << 16) | (169u << 8) | 254u;
    public const ushort MetadataPort = 80;

    /// <summary>52:55:0a:50:00:02, as libslirp makes it from the router's address. Stands for all that is no guest.</summary>
    public const ulong RouterMac = (0x5255ul << 32) | Router;
    public const ulong BroadcastMac = 0xffff_ffff_ffff;

    public const string Domain = "cloud.internal";

    /// <summary>The longest IPv4 packet, and with its Ethernet header the longest frame.</summary>
    public const int Mtu = 1500;

    public static bool InSubnet(uint address) => (address & Mask) == Subnet;

    public static bool IsService(uint address) => address is >= ServiceFirst and <= ServiceLast;

    public static bool IsGuest(uint address) => address is >= GuestFirst and <= GuestLast;
}
