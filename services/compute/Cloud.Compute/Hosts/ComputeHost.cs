using Cloud.Compute.Host.Contracts;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Compute.Hosts;

/// <summary>A compute host as the control plane knows it, from its agent's own description.</summary>
internal sealed class ComputeHost : IVersioned
{
    private ComputeHost()
    {
    }

    public HostId Id { get; private init; }

    public string Name { get; private init; } = "";

    /// <summary>Where its agent listens; null for the one in the same process.</summary>
    public Uri? Url { get; private set; }

    public string LabelText { get; private set; } = "";

    public Labels Labels => Labels.FromText(LabelText);

    public int Cpus { get; private set; }

    public long MemoryBytes { get; private set; }

    public long DiskFreeBytes { get; private set; }

    public IReadOnlyList<HostEngine> Engines { get; private set; } = [];

    /// <summary>As <see cref="HostReport.NetworkNamespace"/>.</summary>
    public string NetworkNamespace { get; private set; } = HostReport.MachineNetwork;

    /// <summary>When its agent answered last.</summary>
    public DateTimeOffset SeenAt { get; private set; }

    /// <summary>It takes no placements, and what runs on it goes to others.</summary>
    public bool IsDrained { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    public static ComputeHost Create(HostId id, HostReport report, Uri? url, DateTimeOffset now)
    {
        var host = new ComputeHost { Id = id, Name = report.Name, CreatedAt = now };
        host.Describe(report, url, now);
        return host;
    }

    public void Describe(HostReport report, Uri? url, DateTimeOffset now)
    {
        Url = url;
        LabelText = new Labels(report.Labels).Text;
        Cpus = report.Cpus;
        MemoryBytes = report.MemoryBytes;
        DiskFreeBytes = report.DiskFreeBytes;
        Engines = report.Engines;
        NetworkNamespace = report.NetworkNamespace;
        SeenAt = now;
        UpdatedAt = now;
    }

    public void Drain(DateTimeOffset now) => (IsDrained, UpdatedAt) = (true, now);

    public void Activate(DateTimeOffset now) => (IsDrained, UpdatedAt) = (false, now);
}
