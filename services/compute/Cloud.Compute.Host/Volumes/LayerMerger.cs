using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// Merges files of volumes and snapshots in the background, as <see cref="MergePlan"/> says. The new file is made beside the old ones,
/// which nobody writes any more; then guests that run and the records go over to it, one after the other. A crash leaves a file that
/// nobody names, or records that name the old files or the new one: a disk holds the same either way.
/// </summary>
internal sealed partial class LayerMerger(
    VolumeFiles files, HostAgent agent, IOptions<HostOptions> options, TimeProvider time, ILogger<LayerMerger> log) : BackgroundService
{
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
        if (agent.AnyMoves)
        {
            return false;
        }

        IReadOnlyList<LayerFile> run;
        IReadOnlyList<string> parts;
        List<Action<PartMap, long, long>> sources;
        BlockServer from;
        using (await files.TurnAsync(ct))
        {
            // Files of root disks lie here under a second name: merging those would make a copy of them.
            var (volumes, snapshots) = (files.Volumes.ToList(), files.Snapshots.Where(snapshot => !snapshot.OfRoot).ToList());
            var below = volumes.Select(volume => volume.Layers.Skip(1).ToList()).ToList();
            if (MergePlan.Find(below, snapshots.Select(snapshot => snapshot.Layers), StoredBytes) is not { } found
                || !LayerCopy.HasRoom(options.Value.Folder, found.Sum(StoredBytes)))
            {
                return false;
            }

            run = found;
            (parts, var partOf) = Name(run, MergePlan.Ends(volumes, snapshots));
            sources = Sources(run, partOf);
            from = await BlockServer.StartAsync(run.Select(files.Open).ToList(), readOnly: true, time, ct);
        }

        using (from)
        {
            var began = time.GetTimestamp();
            var key = run.FirstOrDefault(layer => layer.Key is not null)?.Key;
            var merged = await files.CreateMergedAsync(from.Disk.SizeBytes, parts, key, ct);
            try
            {
                await CopyAsync(from.Disk, merged, sources, ct);
                await ReplaceAsync(run, merged, ct);
            }
            finally
            {
                using var turn = await files.TurnAsync(CancellationToken.None);
                files.Built(merged);
            }

            var took = time.GetElapsedTime(began);
            LogMerged(log, run.Count, took);
        }

        return true;
    }

    /// <summary>What can still be told apart of files that become one: a part that no disk ends with is told by the next newer.</summary>
    /// <returns>The names of the new file's parts, and for each part of the old files which of them it becomes.</returns>
    private static (IReadOnlyList<string> Parts, IReadOnlyList<int> PartOf) Name(IReadOnlyList<LayerFile> run, HashSet<string> ends)
    {
        var (parts, partOf) = (new List<string>(), new List<int>());
        foreach (var part in run.SelectMany(layer => layer.Parts))
        {
            if (parts.Count == 0 || ends.Contains(part))
            {
                parts.Add(part);
            }

            partOf.Add(parts.Count - 1);
        }

        return (parts, partOf);
    }

    /// <summary>Writes what the files have, and down which had it. Durable when this ends.</summary>
    private async Task CopyAsync(
        NbdConnection from, LayerFile merged, List<Action<PartMap, long, long>> sources, CancellationToken ct)
    {
        var map = new PartMap();
        await LayerCopy.WriteAsync(from, files.Open(merged), (layer, start, end) => sources[layer](map, start, end), time, ct);
        if (merged.Parts.Count > 1)
        {
            map.Write(files.PartsPathOf(merged));
        }
    }

    /// <summary>What notes in a map which part had a range, for each of the files.</summary>
    private List<Action<PartMap, long, long>> Sources(IReadOnlyList<LayerFile> run, IReadOnlyList<int> partOf)
    {
        var sources = new List<Action<PartMap, long, long>>();
        var first = 0;
        foreach (var layer in run)
        {
            var offset = first;
            var own = layer.Parts.Count > 1 ? PartMap.Read(files.PartsPathOf(layer)) : null;
            sources.Add((map, start, end) =>
            {
                if (own is null)
                {
                    map.Add(start, end, partOf[offset]);
                    return;
                }

                foreach (var (from, to, part) in own.Within(start, end))
                {
                    map.Add(from, to, partOf[offset + (int)part]);
                }
            });
            first += layer.Parts.Count;
        }

        return sources;
    }

    /// <summary>Everything that stands on all of the files goes over to the new one.</summary>
    private async Task ReplaceAsync(IReadOnlyList<LayerFile> run, LayerFile merged, CancellationToken ct)
    {
        using var turn = await files.TurnAsync(ct);
        foreach (var volume in files.Volumes.Where(volume => Replaced(volume.Layers) is not null).ToList())
        {
            await agent.SettleVolumeAsync(volume, ct);
            void Put()
            {
                var record = files.FindVolume(volume.Id)!;
                files.Put(record with { Layers = Replaced(record.Layers)! });
            }

            if (agent.HolderOf(volume.Id) is not { } guest)
            {
                Put();
            }
            else if (!await guest.ReplaceVolumeLayersAsync(volume.Id, run.Select(files.PathOf).ToList(), files.Open(merged), Put))
            {
                LogKept(log, volume.Id);
            }
        }

        foreach (var snapshot in files.Snapshots.Where(snapshot => Replaced(snapshot.Layers) is not null).ToList())
        {
            files.Put(snapshot with { Layers = Replaced(snapshot.Layers)! });
        }

        IReadOnlyList<LayerFile>? Replaced(IReadOnlyList<LayerFile> layers) => MergePlan.Replace(layers, run, merged);
    }

    private long StoredBytes(LayerFile layer) => Disks.SparseFile.StoredBytes(files.PathOf(layer));

    [LoggerMessage(EventId = 3041, Level = LogLevel.Debug, Message = "Merged {Count} files of volumes in {Took}")]
    private static partial void LogMerged(ILogger log, int count, TimeSpan took);

    [LoggerMessage(EventId = 3042, Level = LogLevel.Information, Message = "The guest of {Volume} reads its old files until it stops")]
    private static partial void LogKept(ILogger log, string volume);

    [LoggerMessage(EventId = 3043, Level = LogLevel.Warning, Message = "Files of volumes could not be merged: {Reason}")]
    private static partial void LogFailed(ILogger log, string reason);
}
