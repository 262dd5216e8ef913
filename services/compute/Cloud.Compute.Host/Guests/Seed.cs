using System.Text;
using System.Text.Json;
using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// The NoCloud seed (cloud-init's datasource of that name): user data, meta-data and network configuration on a CD-ROM labelled
/// <c>cidata</c>.
/// </summary>
internal static class Seed
{
    /// <summary>The instance id, host name and keys, as NoCloud and the metadata address give them. JSON is YAML.</summary>
    public static string MetaData(GuestSpec spec) => JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["instance-id"] = spec.Id,
        ["local-hostname"] = spec.HostName,
        ["public-keys"] = spec.AuthorizedKeys,
    });

    /// <summary>Plain eth0 and no match by MAC: under ifupdown a match leaves the interface down.</summary>
    public static string NetworkConfig => """
        version: 2
        ethernets:
          eth0:
            dhcp4: true

        """;

    /// <summary>
    /// As large as any seed can be: a machine that goes on from another's state finds a disk of the size that it knows.
    /// </summary>
    private const long Bytes = 2 << 20;

    /// <summary>Writes the image at <paramref name="path"/>, whole or not at all.</summary>
    public static void Write(GuestSpec spec, string path) => DurableFile.Write(path, Iso9660.Make(
        "cidata",
        [
            ("meta-data", Encoding.UTF8.GetBytes(MetaData(spec))),
            ("user-data", Encoding.UTF8.GetBytes(spec.UserData ?? "")),
            ("network-config", Encoding.UTF8.GetBytes(NetworkConfig)),
        ]), Bytes);
}
