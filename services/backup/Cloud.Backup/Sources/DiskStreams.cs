using System.Text.Json;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Sources;

/// <summary>A snapshot of a disk, to be read.</summary>
/// <param name="Name">Of its stream in the recovery point.</param>
/// <param name="Changes">What has changed since the earlier point; null where nothing says.</param>
/// <param name="All">What was ever written.</param>
internal sealed record DiskSnapshot(
    string Name, long SizeBytes, Func<CancellationToken, Task<IReadOnlyList<ByteRun>?>> Changes,
    Func<CancellationToken, Task<IReadOnlyList<ByteRun>>> All, OpenRun Read)
{
    public IReadOnlyDictionary<string, JsonElement>? Properties { get; init; }
}

/// <summary>Stores disks, of those that an earlier point holds only what has changed.</summary>
internal static class DiskStreams
{
    public static async Task<IReadOnlyList<PointStream>> StoreAsync(BackupRun run, IReadOnlyList<DiskSnapshot> disks, CancellationToken ct)
    {
        var plans = new List<(DiskSnapshot Disk, PointStream? Earlier, IReadOnlyList<ByteRun> Runs)>();
        foreach (var disk in disks)
        {
            var earlier = run.Earlier?.Streams.SingleOrDefault(stream => stream.Name == disk.Name);
            var changes = earlier is null ? null : await disk.Changes(ct);
            plans.Add(changes is null ? (disk, null, await disk.All(ct)) : (disk, earlier, changes));
        }

        run.Progress.Expect(plans.Sum(plan => plan.Runs.Sum(one => one.Length)));
        var streams = new List<PointStream>();
        foreach (var (disk, earlier, runs) in plans)
        {
            var stream = await run.Writer.PutStreamAsync(
                run.Vault, disk.Name, disk.SizeBytes, runs, earlier, disk.Read, run.Progress.Advance, ct);
            streams.Add(stream with { Properties = disk.Properties ?? stream.Properties });
        }

        return streams;
    }
}
