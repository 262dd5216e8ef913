using Cloud.Backup.Vaults;

namespace Cloud.Backup.Sources;

/// <summary>A kind of resource that can be backed up.</summary>
internal interface IBackupSource
{
    /// <summary>As a recovery point calls it: <c>volume</c>.</summary>
    string Kind { get; }

    /// <summary>Whether a resource is of this kind, by the form of its id.</summary>
    bool Owns(string resource);

    /// <summary>The resource's name; null where the project has none such.</summary>
    Task<string?> FindNameAsync(string project, string resource, CancellationToken ct);

    /// <summary>Stores the resource as it is now.</summary>
    Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct);

    /// <summary>Makes a resource of a point. Done twice for one job, it makes one.</summary>
    /// <returns>The new resource's id.</returns>
    Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct);

    /// <summary>Brings the resource itself back to a point, and keeps what it holds now.</summary>
    /// <returns>What undoes it, for <see cref="UndoAsync"/>.</returns>
    Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct);

    /// <summary>Brings a resource back to what it was before a restore in place.</summary>
    Task UndoAsync(string project, string resource, string safety, CancellationToken ct);

    /// <summary>Restores a point to something that is thrown away, and compares it with the vault.</summary>
    /// <returns>Null where it is the same; else what is not.</returns>
    Task<string?> TryAsync(RestoreRun run, CancellationToken ct);

    /// <summary>What the next backup would have read its changes since is of no more use.</summary>
    Task ForgetAsync(string project, string snapshot, CancellationToken ct);
}

/// <summary>A backup under way.</summary>
/// <param name="Job">Its id, for the names of what it makes.</param>
/// <param name="Earlier">The newest point of the resource in this vault; null for none.</param>
/// <param name="EarlierSnapshot">What that was read of, if it is still there.</param>
internal sealed record BackupRun(
    string Project, string Resource, string Job, Vault Vault, VaultWriter Writer, PointDocument? Earlier, string? EarlierSnapshot,
    RunProgress Progress);

/// <summary>A restore under way.</summary>
internal sealed record RestoreRun(string Project, string Job, Vault Vault, PointDocument Point, RunProgress Progress);

/// <summary>What was stored.</summary>
/// <param name="Snapshot">What it was read of, to be kept for the next backup; null for none.</param>
internal sealed record TakenBackup(
    string Kind, string ResourceName, DateTimeOffset TakenAt, IReadOnlyList<PointStream> Streams, string? Snapshot)
{
    public long SizeBytes => Streams.Sum(stream => stream.SizeBytes);
}

/// <summary>How far a run is, read while it runs.</summary>
internal sealed class RunProgress
{
    private long _total;
    private long _read;

    public long Total => Interlocked.Read(ref _total);

    public long Read => Interlocked.Read(ref _read);

    public void Expect(long bytes) => Interlocked.Exchange(ref _total, bytes);

    public void Advance(long bytes) => Interlocked.Add(ref _read, bytes);
}
