using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Hosts;

/// <summary>A compute host as the API shows it.</summary>
/// <param name="Status"><c>up</c>, or <c>unreachable</c> where its agent has not answered of late.</param>
/// <param name="Engines">Each proven by running a small guest, or why it does not work.</param>
public sealed record HostView(
    HostId Id, string Name, Labels Labels, string Status, int Cpus, long MemoryBytes, long DiskFreeBytes, IReadOnlyList<HostEngine> Engines,
    DateTimeOffset SeenAt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static HostView From(ComputeHost host, DateTimeOffset now) => new(
        host.Id,
        host.Name,
        host.Labels,
        now - host.SeenAt < HostDirectory.ReachableFor ? "up" : "unreachable",
        host.Cpus,
        host.MemoryBytes,
        host.DiskFreeBytes,
        host.Engines,
        host.SeenAt,
        host.CreatedAt,
        host.UpdatedAt);
}
