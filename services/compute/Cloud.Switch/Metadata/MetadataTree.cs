using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Metadata;

/// <summary>
/// What a guest finds at 169.254.169.254: the paths of EC2's instance metadata that cloud-init and scripts ask for, under <c>latest</c> and
/// any version by date, and NoCloud's four files.
/// </summary>
internal static class MetadataTree
{
    private const string Latest = "latest";

    /// <summary>What is at the path; null where nothing is.</summary>
    /// <param name="path">Without a query, as sent.</param>
    public static string? Find(SwitchPort port, string path)
    {
        var metadata = port.Metadata;
        switch (path)
        {
            case "/":
                return "1.0\n2009-04-04\n2021-03-23\nlatest";
            case "/user-data":
                return metadata.UserData ?? "";
            case "/meta-data":
                return metadata.MetaData;
            case "/vendor-data":
                return "";
            case "/network-config":
                return metadata.NetworkConfig;
        }

        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0 || !IsVersion(parts[0]))
        {
            return null;
        }

        return string.Join('/', parts.AsSpan(1)!) switch
        {
            "" => "dynamic\nmeta-data\nuser-data",
            // EC2 answers 404 where there is none, and cloud-init takes that for none.
            "user-data" => metadata.UserData,
            "dynamic" => "instance-identity/",
            "dynamic/instance-identity" => "document",
            "dynamic/instance-identity/document" => Identity(port),
            "meta-data" => List(port),
            var rest when rest.StartsWith("meta-data/", StringComparison.Ordinal) => FindMetaData(port, rest["meta-data/".Length..]),
            _ => null,
        };
    }

    private static string? FindMetaData(SwitchPort port, string path)
    {
        var keys = port.Metadata.AuthorizedKeys;
        switch (path)
        {
            case "instance-id":
                return port.Id;
            case "hostname" or "local-hostname":
                return port.HostName;
            case "local-ipv4":
                return port.Address;
            case "mac" or "network/interfaces/macs":
                return port.MacAddress;
            case "public-keys" when keys.Count > 0:
                return string.Join('\n', keys.Select((key, number) => $"{number}={NameOf(key, number)}"));
        }

        var parts = path.Split('/');
        return parts is ["public-keys", var text, ..] && int.TryParse(text, out var at) && at >= 0 && at < keys.Count
            ? parts.Length switch
            {
                2 => "openssh-key",
                3 when parts[2] == "openssh-key" => keys[at],
                _ => null,
            }
            : null;
    }

    private static string List(SwitchPort port)
    {
        var list = new StringBuilder("hostname\ninstance-id\nlocal-hostname\nlocal-ipv4\nmac");
        if (port.Metadata.AuthorizedKeys.Count > 0)
        {
            list.Append("\npublic-keys/");
        }

        return list.ToString();
    }

    private static string Identity(SwitchPort port) =>
        $$"""{"instanceId":"{{port.Id}}","privateIp":"{{port.Address}}","version":"2017-09-30"}""";

    /// <summary>The key's comment as far as it is a plain word, else its number.</summary>
    private static string NameOf(string key, int number)
    {
        var parts = key.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries);
        return parts.Length == 3 && parts[2].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' or '@')
            ? parts[2]
            : $"key-{number}";
    }

    private static bool IsVersion(string text) => text is Latest or "1.0"
        || (text.Length == 10 && text[4] == '-' && text[7] == '-' && text.All(letter => char.IsAsciiDigit(letter) || letter == '-'));
}
