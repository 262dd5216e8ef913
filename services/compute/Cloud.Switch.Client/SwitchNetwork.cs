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
}
