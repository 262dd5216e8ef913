using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cloud.Switch.Client;

namespace Cloud.Switch.Ports;

/// <summary>What a port may be. The host agent is trusted, yet its ids become names of files and its names answers of DNS.</summary>
internal static class PortRules
{
    private const int IdLengthMax = 64;
    private const int ProjectLengthMax = 128;
    private const int HostNameLengthMax = 63;
    private const int PublishedMax = 64;

    /// <exception cref="SwitchException">What is wrong with it.</exception>
    public static void Check(SwitchPort port)
    {
        Require(IsId(port.Id), "The id has letters, digits and '-' only.");
        Require(IsProject(port.Project), "A port has a project.");
        Require(IsHostName(port.HostName), "The host name is one label of DNS.");
        Require(port.MacAddress is { Length: 17 } mac && IsMac(mac), "The MAC address is six octets of a single station.");
        Require(TryReadAddress(port.Address, out var address) && NetworkPlan.IsGuest(address), "The address is a guest's in 10.80.0.0/20.");
        Require(Path.IsPathFullyQualified(port.GuestSocket), "The guest's socket has a whole path.");
        Require(port.Published.Count <= PublishedMax, $"At most {PublishedMax} ports are published.");
        foreach (var published in port.Published)
        {
            Require(published is { Guest: > 0 and <= ushort.MaxValue, Host: > 0 and <= ushort.MaxValue }, "A port's number is 1 to 65535.");
        }

        Require(
            port.Published.Select(published => published.Host).Distinct().Count() == port.Published.Count,
            "A port of the host is published once.");
    }

    public static bool IsId(string? id) =>
        id is { Length: > 0 and <= IdLengthMax }
            && id.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '-');

    public static bool IsProject(string? project) => project is { Length: > 0 and <= ProjectLengthMax };

    public static bool IsHostName(string? name) =>
        name is { Length: > 0 and <= HostNameLengthMax } && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-');

    public static bool TryReadAddress(string? text, out uint address)
    {
        address = 0;
        if (!IPAddress.TryParse(text, out var parsed) || parsed.AddressFamily != AddressFamily.InterNetwork)
        {
            return false;
        }

        address = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(parsed.GetAddressBytes());
        return true;
    }

    private static bool IsMac(string text)
    {
        var octets = text.Split(':');
        return octets.Length == 6
            && octets.All(
                octet => octet.Length == 2 && byte.TryParse(octet, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _))
            && (byte.Parse(octets[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture) & 1) == 0;
    }

    private static void Require(bool right, string rule)
    {
        if (!right)
        {
            throw new SwitchException("invalid-port", rule);
        }
    }
}
