namespace Cloud.Compute.Contracts;

/// <summary>
/// The volumes of instances as block storage uses them: in compute's process, or over HTTP. Every call is idempotent. Nothing here says
/// where a volume's bytes are: that is between block storage and the hosts.
/// </summary>
public interface IInstanceVolumes
{
    /// <summary>An instance of a project, by name or id; null where the project has none, or it is deleted.</summary>
    Task<InstancePlace?> FindAsync(string project, string instance, CancellationToken ct);

    /// <summary>
    /// Gives an instance a volume that lies on its host: a running guest sees it at once, a stopped one at its next start. Refused for an
    /// instance that is deleted or deleting.
    /// </summary>
    Task AttachAsync(string instance, InstanceVolume volume, CancellationToken ct);

    /// <summary>
    /// Takes a volume from an instance. A guest that does not let go refuses it with <c>volume-held</c>: asked again it may have, by force
    /// it loses it. Done where the instance is gone.
    /// </summary>
    Task DetachAsync(string instance, string volume, bool force, CancellationToken ct);
}

/// <summary>Where an instance is.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Host">The host that it was placed on.</param>
/// <param name="CanAttach">It is in a state in which a volume can come and go.</param>
public sealed record InstancePlace(string Id, string Name, string Host, bool CanAttach);

/// <summary>A volume as an instance has it.</summary>
/// <param name="Volume">The volume's id.</param>
/// <param name="ReadOnly">The guest cannot write to it.</param>
/// <param name="DeleteOnTermination">It goes with its instance.</param>
/// <param name="OperationsPerSecond">The most reads and writes a second; null for no limit.</param>
/// <param name="BytesPerSecond">The same as bytes; null for no limit.</param>
public sealed record InstanceVolume(
    string Volume, bool ReadOnly, bool DeleteOnTermination, long? OperationsPerSecond, long? BytesPerSecond);
