using System.Globalization;
using System.Net;
using Cloud.Primitives;

namespace Cloud.Compute.Instances;

/// <summary>Addresses in a project's network. Every project has the same subnet: no two are connected.</summary>
internal static class InstanceAddresses
{
    /// <summary>10.80.0.0/20; the first addresses are the network's own (router, DNS).</summary>
    public const string Subnet = "10.80.0.0/20";

    private const uint Base = (10u << 24) | (80u << 16);
    private const uint First = 16;

    /// <summary>10.80.14.255; what follows is for the cloud's own servers.</summary>
    private const uint Last = (15u << 8) - 1;

    /// <summary>The lowest address that none of the project's instances has.</summary>
    public static string Choose(IReadOnlySet<string> taken)
    {
        for (var number = First; number <= Last; number++)
        {
            var value = Base + number;
            var address = new IPAddress([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]).ToString();
            if (!taken.Contains(address))
            {
                return address;
            }
        }

        throw CloudException.Conflict("no-address", "The project's network has no free address left.");
    }

    /// <summary>A locally administered MAC with the address in it: unique where the address is.</summary>
    public static string MacOf(string address)
    {
        var bytes = IPAddress.Parse(address).GetAddressBytes();
        return string.Join(':', new byte[] { 0x52, 0x54, bytes[0], bytes[1], bytes[2], bytes[3] }
            .Select(value => value.ToString("x2", CultureInfo.InvariantCulture)));
    }
}
