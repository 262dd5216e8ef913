using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Snapshots;

/// <summary>
/// Merges the files that snapshots lay over root disks, in the background, as <see cref="MergePlan"/> says: what <see cref="LayerMerger"/>
/// does for volumes. Whoever names the old files goes over to the new one by itself, guests that run too; those that are named still stay.
/// </summary>
internal sealed partial class RootMerger(
    SnapshotFiles files, HostAgent agent, IOptions<HostOptions> options, TimeProvider time, ILogger<RootMerger> log) : BackgroundService
{
    /// <summary>A guest that is snapshotted, or made of a snapshot, meanwhile may name the old files once more.</summary>
    private const int PassesMax = 3;

    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await MergeNextAsync(stoppingToken))
                {
                }

                await files.ChangedAsync(stoppingToken);
            }
            catch (Exception failed) when (failed is IOException or CloudException)
            {
                LogFailed(log, failed.Message);
                await Task.Delay(AfterFailure, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Merges what is most in need of it; false where nothing is, or the host's disk has no room for it.</summary>
    /// <exception cref="IOException">A file could not be read or written.</exception>
    /// <exception cref="CloudException">A file could not be opened.</exception>
    public async Task<bool> MergeNextAsync(CancellationToken ct)
    {
        await agent.AdoptedAsync(ct);
        if (agent.AnyMoves || Find() is not { } run || !LayerCopy.HasRoom(options.Value.Folder, run.Sum(StoredBytes)))
        {
            return false;
        }

        var began = time.GetTimestamp();
        using (var from = await BlockServer.StartAsync(run.Select(files.Open).ToList(), readOnly: true, time, ct))
        {
            var merged = files.CreateMerged(run[0], from.Disk.SizeBytes);
            try
            {
                await LayerCopy.WriteAsync(from.Disk, files.Open(merged), (_, _, _) => { }, time, ct);
                await ReplaceAsync(run, merged, ct);
            }
            finally
            {
                files.Built(merged);
                agent.SweepLayers();
            }
        }

        var took = time.GetElapsedTime(began);
        LogMerged(log, run.Count, took);
        return true;
    }

    private List<string>? Find()
    {
        var below = agent.Guests.Select(guest => guest.Root.Layers.Skip(1).Select(ToFile).ToList()).ToList();
        var kept = files.Snapshots.Select(snapshot => snapshot.Layers.Select(ToFile).ToList());
        return MergePlan.Find(below, kept, layer => StoredBytes(layer.Name))?.Select(layer => layer.Name).ToList();
    }

    private async Task ReplaceAsync(IReadOnlyList<string> run, string merged, CancellationToken ct)
    {
        for (var pass = 1; pass <= PassesMax && IsNamed(run); pass++)
        {
            files.ReplaceLayers(run, merged);
            foreach (var guest in agent.Guests.ToList())
            {
                if (!await guest.ReplaceRootLayersAsync(run, merged, ct))
                {
                    LogKept(log, guest.Spec.Id);
                }
            }
        }
    }

    private bool IsNamed(IReadOnlyList<string> run) =>
        agent.Guests.Select(guest => guest.Root.Layers).Concat(files.Snapshots.Select(snapshot => snapshot.Layers))
            .Any(layers => MergePlan.Replace(layers, run, "") is not null);

    private static LayerFile ToFile(string name) => new(name, DiskFile.Qcow2);

    private long StoredBytes(string layer) => SparseFile.StoredBytes(files.PathOf(layer));

    [LoggerMessage(EventId = 3044, Level = LogLevel.Debug, Message = "Merged {Count} files of root disks in {Took}")]
    private static partial void LogMerged(ILogger log, int count, TimeSpan took);

    [LoggerMessage(EventId = 3045, Level = LogLevel.Information, Message = "{Guest} reads the old files of its root disk until it stops")]
    private static partial void LogKept(ILogger log, string guest);

    [LoggerMessage(EventId = 3046, Level = LogLevel.Warning, Message = "Files of root disks could not be merged: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);
}
