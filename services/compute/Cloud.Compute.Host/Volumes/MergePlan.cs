namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// Which files to merge next, so that a disk is made of few files however often it was snapshotted, and few bytes are copied for that.
/// Files that lie one over the other are merged into a new one; those that another disk still needs one by one stay beside it.
/// </summary>
internal static class MergePlan
{
    /// <summary>How many files a volume may lie over before some are merged though snapshots need each of them.</summary>
    private const int BelowMax = 12;

    /// <summary>How many are merged then: those that have the fewest bytes.</summary>
    private const int RunLength = 8;

    /// <summary>Files that no snapshot tells apart are merged unless most bytes are one file's, which would be copied for little.</summary>
    private const int LargestShareMax = 3;

    /// <summary>Of so few bytes it does not matter.</summary>
    private const long FewBytes = 32L << 20;

    /// <param name="below">What lies below each disk that is written, nearest first.</param>
    /// <param name="kept">The files of each snapshot, nearest first.</param>
    /// <param name="storedBytes">What a file takes.</param>
    /// <returns>The files, nearest first; null where all is well.</returns>
    public static IReadOnlyList<LayerFile>? Find(
        IReadOnlyList<IReadOnlyList<LayerFile>> below, IEnumerable<IReadOnlyList<LayerFile>> kept, Func<LayerFile, long> storedBytes)
    {
        var chains = below.Concat(kept).Where(chain => chain.Count > 0).ToList();
        return FindUnneeded(chains, storedBytes) ?? FindDeep(below, storedBytes);
    }

    /// <summary>A disk's files with one instead of several; null where it does not have all of these, one over the other.</summary>
    public static IReadOnlyList<T>? Replace<T>(IReadOnlyList<T> layers, IReadOnlyList<T> run, T merged)
    {
        var first = layers.ToList().IndexOf(run[0]);
        return first >= 0 && layers.Skip(first).Take(run.Count).SequenceEqual(run)
            ? [.. layers.Take(first), merged, .. layers.Skip(first + run.Count)]
            : null;
    }

    /// <summary>The parts that some disk ends with: changes from there on can be asked for.</summary>
    public static HashSet<string> Ends(IEnumerable<VolumeRecord> volumes, IEnumerable<SnapshotRecord> snapshots) =>
        volumes.Where(volume => volume.Layers.Count > 1).Select(volume => volume.Layers[1])
            .Concat(snapshots.Select(snapshot => snapshot.Layers[0]))
            .Select(layer => layer.Parts[0]).ToHashSet(StringComparer.Ordinal);

    /// <summary>The longest run of files of which every disk that has one has all.</summary>
    private static List<LayerFile>? FindUnneeded(List<IReadOnlyList<LayerFile>> chains, Func<LayerFile, long> storedBytes)
    {
        var above = new Dictionary<LayerFile, LayerFile?>();
        foreach (var chain in chains)
        {
            for (var at = 0; at < chain.Count; at++)
            {
                var upper = at == 0 ? null : chain[at - 1];
                above[chain[at]] = !above.TryGetValue(chain[at], out var other) || Equals(other, upper) ? upper : null;
            }
        }

        List<LayerFile>? best = null;
        foreach (var chain in chains)
        {
            for (var first = 0; first < chain.Count - 1; first++)
            {
                long sum = storedBytes(chain[first]), largest = sum;
                for (var last = first + 1; last < chain.Count && Equals(above[chain[last]], chain[last - 1]); last++)
                {
                    var bytes = storedBytes(chain[last]);
                    (sum, largest) = (sum + bytes, Math.Max(largest, bytes));
                    if (last - first + 1 > (best?.Count ?? 1) && (sum <= FewBytes || largest <= LargestShareMax * (sum - largest)))
                    {
                        best = chain.Skip(first).Take(last - first + 1).ToList();
                    }
                }
            }
        }

        return best;
    }

    private static List<LayerFile>? FindDeep(IReadOnlyList<IReadOnlyList<LayerFile>> below, Func<LayerFile, long> storedBytes)
    {
        var deepest = below.MaxBy(chain => chain.Count);
        return deepest is null || deepest.Count <= BelowMax
            ? null
            : Enumerable.Range(0, deepest.Count - RunLength + 1).Select(first => deepest.Skip(first).Take(RunLength).ToList())
                .MinBy(run => run.Sum(storedBytes));
    }
}
