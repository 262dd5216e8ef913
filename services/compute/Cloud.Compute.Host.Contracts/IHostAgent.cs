using Cloud.Compute.Contracts;

namespace Cloud.Compute.Host.Contracts;

/// <summary>
/// A compute host as the control plane uses it: in this process, or over HTTP in the host's own. Every call is idempotent;
/// a call that the guest's state does not allow is refused with a <c>CloudException</c>.
/// </summary>
public interface IHostAgent
{
    /// <summary>The volumes that lie on this host.</summary>
    IVolumeStore Volumes { get; }

    Task<HostReport> DescribeAsync(CancellationToken ct);

    /// <summary>
    /// What this host knows of its engines besides. It is found out, within seconds, when it is first asked for: until then the answer
    /// says so.
    /// </summary>
    Task<IReadOnlyList<HostEngineDetail>> ExamineEnginesAsync(CancellationToken ct);

    Task<IReadOnlyList<GuestReport>> ListAsync(CancellationToken ct);

    /// <summary>Null for a guest that this host does not have.</summary>
    Task<GuestReport?> FindAsync(string id, CancellationToken ct);

    /// <summary>
    /// Guests that changed after this generation; waits for one where there is none, up to half a minute. Generations grow over an agent's
    /// restart.
    /// </summary>
    Task<GuestChanges> WatchAsync(long afterGeneration, CancellationToken ct);

    /// <summary>Makes the guest's folder, disks, seed and network port, or brings them to this spec. Starts nothing.</summary>
    Task<GuestReport> DefineAsync(GuestSpec spec, CancellationToken ct);

    Task<GuestReport> StartAsync(string id, CancellationToken ct);

    /// <summary>Asks the guest to power off; the watch tells when it has.</summary>
    Task PowerDownAsync(string id, CancellationToken ct);

    /// <summary>Ends the guest at once.</summary>
    Task<GuestReport> KillAsync(string id, CancellationToken ct);

    /// <summary>Resets the guest as its reset button would.</summary>
    Task<GuestReport> ResetAsync(string id, CancellationToken ct);

    Task<GuestReport> PauseAsync(string id, CancellationToken ct);

    /// <summary>Lets a paused or suspended guest go on.</summary>
    Task<GuestReport> ResumeAsync(string id, CancellationToken ct);

    /// <summary>Keeps what the guest is on the disk and ends its process.</summary>
    Task<GuestReport> SuspendAsync(string id, CancellationToken ct);

    /// <summary>Keeps what a running guest is, under the snapshot's id; it runs on.</summary>
    /// <param name="id">The guest.</param>
    /// <param name="snapshot">The snapshot's id.</param>
    /// <param name="withVolumes">
    /// What the volumes that it writes hold at that instant is part of it; else a guest that has volumes is refused.
    /// </param>
    /// <param name="ct">Ends it before it began.</param>
    Task<StoredGuestSnapshot> SnapshotAsync(string id, string snapshot, bool withVolumes, CancellationToken ct);

    /// <summary>
    /// Ends the guest's run, and has it go on from its snapshot; what it wrote since, to its volumes too, is gone. Refused where it has
    /// other volumes than then, or of another size.
    /// </summary>
    Task<GuestReport> RestoreAsync(string id, string snapshot, CancellationToken ct);

    Task<IReadOnlyList<StoredGuestSnapshot>> ListGuestSnapshotsAsync(CancellationToken ct);

    /// <summary>Removes a snapshot; guests that came from it stay.</summary>
    Task DeleteGuestSnapshotAsync(string snapshot, CancellationToken ct);

    /// <summary>
    /// Has a guest that does not run start from what a snapshot holds: of its own root disk, or of any volume of the host. All of its root
    /// disk is replaced.
    /// </summary>
    Task<GuestReport> ReplaceRootAsync(string id, string snapshot, CancellationToken ct);

    /// <summary>Ends the guest and removes all of it: folder, disks, network port.</summary>
    Task RemoveAsync(string id, CancellationToken ct);

    /// <summary>
    /// Gives a guest a volume, for good: a running one sees it at once, a stopped one at its next start. Answered when it is so.
    /// </summary>
    Task<GuestReport> AttachVolumeAsync(string id, GuestVolume volume, CancellationToken ct);

    /// <summary>
    /// Takes a volume from a guest. A running one is asked to let go of it; where it has not after a few seconds this is refused with
    /// <see cref="HostErrors.VolumeHeld"/>, and can be asked again. By force the disk is gone from under the guest.
    /// </summary>
    Task<GuestReport> DetachVolumeAsync(string id, string volume, bool force, CancellationToken ct);

    /// <summary>What another host needs to know to await this running guest. Refused where it cannot go.</summary>
    Task<GuestDeparture> DescribeDepartureAsync(string id, CancellationToken ct);

    /// <summary>
    /// Prepares for a guest of another host; what was prepared for it before is gone. It is no guest of this one until it runs here.
    /// </summary>
    Task<GuestArrival> AwaitGuestAsync(GuestDeparture departure, CancellationToken ct);

    /// <summary>Ends the wait for a guest. True where it is not here and never will be; false where it has arrived.</summary>
    Task<bool> EndArrivalAsync(string id, CancellationToken ct);

    /// <summary>
    /// Has a running guest go on where it is awaited; ends when it does. Asked again while it goes, waits for the same. Refused with
    /// <see cref="HostErrors.NotMoved"/> where the guest goes on here, with <see cref="HostErrors.Unsettled"/> where nobody knows.
    /// </summary>
    Task<GuestMoveReport> MoveGuestAsync(string id, GuestMove move, CancellationToken ct);

    /// <summary>How far the guest's latest move is, since this agent runs; null for none.</summary>
    Task<GuestMoveReport?> FindMoveAsync(string id, CancellationToken ct);

    /// <summary>Calls a move off, unless the guest was handed over already.</summary>
    Task CancelMoveAsync(string id, CancellationToken ct);

    /// <summary>
    /// The guest is another host's for good: what there is of it here goes, with the volumes that went with it. Nothing is done where it
    /// has come back.
    /// </summary>
    Task ForgetDepartedAsync(string id, IReadOnlyList<string> departed, CancellationToken ct);

    /// <summary>The guest is not on the other host and never will be: it goes on here.</summary>
    Task<GuestReport> StayAsync(string id, CancellationToken ct);

    /// <summary>Joins this host's networks with those of others.</summary>
    Task SetPeersAsync(IReadOnlyList<HostPeer> peers, CancellationToken ct);

    /// <summary>Has guests reach these servers of the cloud, and no others.</summary>
    Task SetServicesAsync(IReadOnlyList<HostService> services, CancellationToken ct);

    Task<GuestMetrics> ReadMetricsAsync(string id, CancellationToken ct);

    /// <summary>Refused where the guest's engine counts none.</summary>
    Task<GuestExits> ReadExitsAsync(string id, CancellationToken ct);

    /// <summary>What the guest's processors are at this moment. Refused where the guest's engine does not show them.</summary>
    /// <param name="id">The guest.</param>
    /// <param name="address">A virtual address to translate, <c>0x</c> and hexadecimal digits; null for none.</param>
    /// <param name="ct">Ends it.</param>
    Task<IReadOnlyList<GuestHart>> ReadHartsAsync(string id, string? address, CancellationToken ct);

    Task<GuestExec> ExecAsync(string id, IReadOnlyList<string> command, CancellationToken ct);

    /// <summary>Runs a command in a running container, as <see cref="IInstances.RunAsync"/> says.</summary>
    Task<ContainerCommandEnd> RunAsync(
        string id, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output, CancellationToken ct);

    /// <summary>What the console printed from this byte on, at most one MiB; and where the next read starts.</summary>
    Task<ConsoleChunk> ReadConsoleAsync(string id, long offset, CancellationToken ct);

    /// <summary>A terminal: bytes both ways.</summary>
    Task<Stream> OpenConsoleAsync(string id, CancellationToken ct);
}

/// <summary>An answer of the watch.</summary>
/// <param name="Generation">Where the next watch goes on.</param>
public sealed record GuestChanges(long Generation, IReadOnlyList<GuestReport> Changed);

/// <summary>A part of the console's log.</summary>
/// <param name="Offset">Where <paramref name="Bytes"/> begin; later than asked where the log was shortened meanwhile.</param>
public sealed record ConsoleChunk(long Offset, long NextOffset, byte[] Bytes);
