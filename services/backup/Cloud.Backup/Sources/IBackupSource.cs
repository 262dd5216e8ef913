using System.Text.Json;
using Cloud.Backup.Jobs;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Sources;

/// <summary>A kind of resource that can be backed up.</summary>
internal interface IBackupSource
{
    /// <summary>As a recovery point calls it: <c>volume</c>.</summary>
    string Kind { get; }

    /// <summary>What is restored runs as a process of the host, with no guest around it: its bytes must be the cloud's own.</summary>
    bool RunsOnTheHost { get; }

    /// <summary>Whether a resource is of this kind, by the form of its id.</summary>
    bool Owns(string resource);

    /// <summary>The resource's name; null where the project has none such.</summary>
    Task<string?> FindNameAsync(string project, string resource, CancellationToken ct);

    /// <summary>The ids of the project's resources of this kind that carry all of these labels.</summary>
    Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct);

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

    /// <summary>Restores a point to something that is thrown away, and sees whether that is what it should be, and works.</summary>
    Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct);

    /// <summary>
    /// Removes what a job was making that ended before its end: snapshots, what was to be thrown away, what is restored in part. What
    /// undoes a restore in place stays. Done where there is nothing.
    /// </summary>
    Task TidyAsync(EndedJob job, CancellationToken ct);

    /// <summary>What the next backup would have read its changes since is of no more use.</summary>
    Task ForgetAsync(string project, string snapshot, CancellationToken ct);
}

/// <summary>A backup under way.</summary>
/// <param name="Job">Its id, for the names of what it makes.</param>
/// <param name="Earlier">The newest point of the resource in this vault; null for none.</param>
/// <param name="EarlierSnapshot">What that was read of, if it is still there.</param>
internal sealed record BackupRun(
    string Project, string Resource, string Job, Vault Vault, VaultWriter Writer, PointDocument? Earlier, string? EarlierSnapshot,
    RunProgress Progress)
{
    /// <summary>Writes down what the backup is about to keep of the resource, which may be gone when that is to be removed.</summary>
    public Func<string, Task> KeepAsync { get; init; } = _ => Task.CompletedTask;
}

/// <summary>A job that failed or was cancelled.</summary>
/// <param name="Id">As in the names of what it made.</param>
/// <param name="TargetName">The name of what it was to restore; null for none, or in place.</param>
/// <param name="Kept">What it has written down that it keeps.</param>
internal sealed record EndedJob(string Project, string Id, JobKind Kind, string Resource, string? TargetName, string? Kept);

/// <summary>A restore under way.</summary>
internal sealed record RestoreRun(string Project, string Job, Vault Vault, PointDocument Point, RunProgress Progress)
{
    /// <summary>Writes down what undoes a restore in place, before anything is overwritten.</summary>
    public Func<string, Task> KeepAsync { get; init; } = _ => Task.CompletedTask;

    /// <summary>For a try: what is run in the guest, and must end with 0; null for nothing.</summary>
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>For a point that opens more times than its own: which one; null for its own.</summary>
    public DateTimeOffset? To { get; init; }
}

/// <summary>What a try came to.</summary>
/// <param name="Wrong">Null where all is well.</param>
/// <param name="IsDamaged">The point's bytes are not what was stored: nothing is restored of them any more.</param>
internal sealed record TryResult(string? Wrong, bool IsDamaged)
{
    public static TryResult Good { get; } = new(null, false);

    public static TryResult Damaged(string why) => new(why, true);

    /// <summary>The bytes are as they were; what is made of them does not work.</summary>
    public static TryResult Unproven(string why) => new(why, false);
}

/// <summary>What was stored.</summary>
/// <param name="Snapshot">What it was read of, to be kept for the next backup; null for none.</param>
internal sealed record TakenBackup(
    string Kind, string ResourceName, DateTimeOffset TakenAt, IReadOnlyList<PointStream> Streams, string? Snapshot)
{
    public long SizeBytes => Streams.Sum(stream => stream.SizeBytes);

    /// <summary>The earliest time that it can be restored to; null where there is its own only.</summary>
    public DateTimeOffset? RestorableFrom { get; init; }

    /// <summary>What else a restore asks for.</summary>
    public IReadOnlyDictionary<string, JsonElement> Properties { get; init; } = new Dictionary<string, JsonElement>();
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
