namespace Cloud.Compute.Host.Contracts;

/// <summary>What a guest was at one instant, as it lies on its host: memory, devices and root disk.</summary>
/// <param name="Id">The snapshot.</param>
/// <param name="Guest">The guest that it is of.</param>
/// <param name="StoredBytes">What memory and devices take on the disk; the root disk's files are shared with the guest.</param>
public sealed record StoredGuestSnapshot(string Id, string Guest, long StoredBytes);
