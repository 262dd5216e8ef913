namespace Cloud.BlockStorage.Contracts;

/// <summary>
/// Block storage as the cloud's other services use it, each call for a project: in this process, or over HTTP
/// (<see cref="HttpBlockStorage"/>). Every call is idempotent; a refusal is a <c>CloudException</c>.
/// </summary>
public interface IBlockStorage
{
    /// <summary>A volume of the project by id or name; null where there is none.</summary>
    Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct);

    /// <summary>
    /// Gives an instance a volume, and waits a few seconds for it: the answer is <c>attached</c>, or <c>attaching</c> where it takes
    /// longer. Refused where another instance has it, or where the instance did not get it.
    /// </summary>
    Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct);

    /// <summary>The instance has none of its volumes any more, and none is deleted with it: it was taken back before it ran.</summary>
    Task ReleaseAsync(string project, string instance, CancellationToken ct);
}

/// <summary>A volume.</summary>
/// <param name="Status">As the API says it: <c>available</c>, <c>attached</c>, …</param>
/// <param name="StatusReason">Why it failed, or why what was asked last was not done.</param>
/// <param name="Host">The host that holds its bytes; null before one was chosen.</param>
/// <param name="Instance">The instance that has it, is to get it or lets go of it; null for none.</param>
public sealed record BlockVolume(
    string Id, string Name, string Status, string? StatusReason, long SizeBytes, string? Host, string? Instance)
{
    public const string Available = "available";

    public const string Attached = "attached";
}

/// <summary>An instance that shall have a volume.</summary>
/// <param name="Volume">Its id or name.</param>
/// <param name="DeleteOnTermination">It is deleted with the instance.</param>
public sealed record BlockAttachment(string Project, string Volume, string Instance, bool ReadOnly, bool DeleteOnTermination);
