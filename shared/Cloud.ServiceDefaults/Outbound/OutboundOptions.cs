namespace Cloud.ServiceDefaults.Outbound;

/// <summary>What URLs of users may reach beyond the public network: the configuration section <c>Cloud:Outbound</c>.</summary>
public sealed record OutboundOptions
{
    /// <summary>
    /// Addresses with ports that an admin allows although they are this host's own or otherwise closed: <c>127.0.0.1:8000</c>.
    /// </summary>
    public IReadOnlyList<string> Allow { get; init; } = [];
}
