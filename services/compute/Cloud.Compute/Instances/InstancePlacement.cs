using Cloud.Compute.Placement;

namespace Cloud.Compute.Instances;

/// <summary>What the placement of an instance found of each host, kept for <c>GET /v1/instances/{id}/placement</c>.</summary>
internal sealed class InstancePlacement
{
    private InstancePlacement()
    {
    }

    public InstancePlacement(InstanceId instance, IReadOnlyList<HostVerdict> hosts)
    {
        Instance = instance;
        Hosts = hosts;
    }

    public InstanceId Instance { get; private init; }

    public IReadOnlyList<HostVerdict> Hosts { get; private init; } = [];
}
