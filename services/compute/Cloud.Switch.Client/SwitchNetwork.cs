namespace Cloud.Switch.Client;

/// <summary>What DHCP tells a guest of its project's network, for a guest that asks nobody.</summary>
public static class SwitchNetwork
{
    public const int PrefixLength = 20;

    /// <summary>The way out.</summary>
    public const string Router = "10.80.0.2";

    public const string NameServer = "10.80.0.3";

    /// <summary>Where a name without a dot is looked for.</summary>
    public const string Domain = "cloud.internal";

    /// <summary>What the names of the cloud's own servers end in, before the domain or without it.</summary>
    public const string ServiceDomain = "db";

    /// <summary>The first address of the cloud's own servers in a project's network; no guest has one of these.</summary>
    public const string ServiceFirst = "10.80.15.1";

    public const string ServiceLast = "10.80.15.254";
}
