using System.Text.Json;
using Cloud.Backup.Vaults;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Snapshots of an instance's disks, all of one instant.</summary>
/// <param name="Host">Where they are.</param>
/// <param name="Root">Of its root disk; null for a container's.</param>
/// <param name="Volumes">Those of volumes, by the volumes' ids.</param>
/// <param name="Ran">The instance ran then.</param>
internal sealed record KeptDisks(string Host, string? Root, IReadOnlyDictionary<string, string> Volumes, bool Ran)
{
    public static KeptDisks Parse(string text) => JsonSerializer.Deserialize<KeptDisks>(text, JsonSerializerOptions.Web)!;

    public override string ToString() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);
}

/// <summary>A volume as an instance had it: what a recovery point says of its stream.</summary>
internal sealed record InstanceVolume(string Id, string Name, bool ReadOnly, bool DeleteOnTermination, string? MountPath);

/// <summary>The disks of instances: kept, read, and made of a recovery point.</summary>
internal sealed class InstanceDisks(IVolumeHosts hosts, BlockVolumes volumes)
{
    /// <summary>The stream of the root disk; those of volumes are named by the volumes' ids.</summary>
    public const string Root = "root";

    private const string Volume = "volume";

    /// <summary>A page of changed extents.</summary>
    private const int ExtentsMax = 10_000;

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAsync(string project, InstanceState instance, CancellationToken ct) =>
        volumes.ListAttachedAsync(project, instance.Id, ct);

    /// <summary>What <see cref="KeepAsync"/> is to keep, by names: written down first, as the instance may be gone later.</summary>
    public static KeptDisks Plan(InstanceState instance, IReadOnlyList<AttachedBlockVolume> attached, string name) => new(
        instance.Host ?? "", instance.Host is null || instance.Settings.IsContainer ? null : NameOf(name, null),
        attached.ToDictionary(one => one.Volume.Id, one => NameOf(name, one.Volume.Id), StringComparer.Ordinal), Ran: false);

    /// <summary>Keeps what all disks hold now. The same name gives the same.</summary>
    /// <param name="others">Volumes that may have been attached when this was called first.</param>
    public async Task<KeptDisks> KeepAsync(
        string project, InstanceState instance, IReadOnlyList<AttachedBlockVolume> attached, string name, IEnumerable<string> others,
        CancellationToken ct)
    {
        var host = instance.Host
            ?? throw CloudException.Conflict("instance-not-placed", $"Instance '{instance.Name}' has no host yet.");
        var names = attached.ToDictionary(one => one.Volume.Id, one => NameOf(name, one.Volume.Id), StringComparer.Ordinal);
        var root = instance.Settings.IsContainer ? null : NameOf(name, null);
        if (root is not null)
        {
            names[instance.Id] = root;
        }

        var kept = attached.Count == 0 ? [] : (await volumes.SnapshotAsync(project, names, ct)).ToList();
        foreach (var other in others.Except(names.Keys))
        {
            kept.AddRange(await volumes.FindSnapshotAsync(project, NameOf(name, other), ct) is { } made ? [made] : []);
        }

        if (root is not null)
        {
            // Taken with the volumes', or alone where there are none.
            await hosts.SnapshotAsync(host, new Dictionary<string, string> { [instance.Id] = root }, ct);
        }

        return new KeptDisks(
            host, root, kept.ToDictionary(one => one.Volume, one => one.Id, StringComparer.Ordinal),
            instance.Status == InstanceState.Running);
    }

    /// <summary>Removes snapshots; done where they are gone.</summary>
    public async Task ForgetAsync(string project, KeptDisks kept, CancellationToken ct)
    {
        if (kept.Root is { } root)
        {
            await hosts.DeleteSnapshotAsync(kept.Host, root, ct);
        }

        foreach (var snapshot in kept.Volumes.Values)
        {
            await volumes.DeleteSnapshotAsync(project, snapshot, ct);
        }
    }

    /// <summary>The disks that were kept, to be read.</summary>
    /// <param name="earlier">What was kept for the point before this one.</param>
    public async Task<IReadOnlyList<DiskSnapshot>> ReadAsync(
        string project, InstanceState instance, IReadOnlyList<AttachedBlockVolume> attached, KeptDisks kept, KeptDisks? earlier,
        CancellationToken ct)
    {
        var disks = new List<DiskSnapshot>();
        if (kept.Root is { } root)
        {
            var taken = (await hosts.SnapshotAsync(kept.Host, new Dictionary<string, string> { [instance.Id] = root }, ct)).Single();
            var before = earlier?.Host == kept.Host ? earlier.Root : null;
            disks.Add(new DiskSnapshot(
                Root, taken.SizeBytes, async token => before is null ? null : await ChangesAsync(kept.Host, root, before, token),
                async token => (await ChangesAsync(kept.Host, root, null, token))!,
                (offset, length, token) => hosts.ReadContentAsync(kept.Host, root, offset, length, token)));
        }

        foreach (var one in attached)
        {
            var (id, snapshot) = (one.Volume.Id, kept.Volumes[one.Volume.Id]);
            var before = earlier?.Volumes.GetValueOrDefault(id);
            var properties = new InstanceVolume(
                id, one.Volume.Name, one.ReadOnly, one.DeleteOnTermination, instance.Settings.Mounts.GetValueOrDefault(id));
            disks.Add(volumes.Read(project, snapshot, one.Volume.SizeBytes, id, before) with
            {
                Properties = new Dictionary<string, JsonElement>
                {
                    [Volume] = JsonSerializer.SerializeToElement(properties, JsonSerializerOptions.Web),
                },
            });
        }

        return disks;
    }

    /// <summary>The stream of a root disk, if there is one, and those of volumes with how they were attached.</summary>
    public static (PointStream? Root, IReadOnlyList<(PointStream Stream, InstanceVolume Volume)> Volumes) StreamsOf(
        PointDocument point) => (
        point.Streams.SingleOrDefault(stream => stream.Name == Root),
        [.. point.Streams.Where(stream => stream.Name != Root).Select(stream => (
            stream, stream.Properties![Volume].Deserialize<InstanceVolume>(JsonSerializerOptions.Web)!))]);

    /// <summary>Writes a root disk to where a host can take it from. Done twice for one job, there is one.</summary>
    /// <returns>The host and the snapshot there.</returns>
    public async Task<(string Host, string Snapshot)> MakeRootAsync(RestoreRun run, PointStream root, CancellationToken ct)
    {
        var volume = await volumes.CreateAsync(run.Project, NameOfRoot(run.Job), root.SizeBytes, run.Job, ct);
        await volumes.FillAsync(run, root, volume.Id, ct);
        await hosts.SnapshotAsync(volume.Host!, new Dictionary<string, string> { [volume.Id] = NameOfRoot(run.Job) }, ct);
        return (volume.Host!, NameOfRoot(run.Job));
    }

    /// <summary>Removes what <see cref="MakeRootAsync"/> made; an instance that went on from it keeps what it needs.</summary>
    public async Task DropRootAsync(string project, string job, CancellationToken ct)
    {
        if (await volumes.FindAsync(project, NameOfRoot(job), ct) is { } volume)
        {
            if (volume.Host is { } host)
            {
                await hosts.DeleteSnapshotAsync(host, NameOfRoot(job), ct);
            }

            await volumes.DeleteAsync(project, volume.Id, ct);
        }
    }

    public static string NameOfRoot(string job) => $"restored-root-{job}";

    /// <summary>The name of a snapshot of a volume, or of the root disk.</summary>
    private static string NameOf(string name, string? volume) =>
        volume is null ? $"root-{name}" : $"{name}-{volume[(volume.IndexOf('-', StringComparison.Ordinal) + 1)..]}";

    /// <returns>Null where the earlier one is gone.</returns>
    private async Task<IReadOnlyList<ByteRun>?> ChangesAsync(string host, string snapshot, string? since, CancellationToken ct)
    {
        var runs = new List<ByteRun>();
        try
        {
            for (long? offset = 0; offset is { } from;)
            {
                var page = await hosts.ListExtentsAsync(host, snapshot, since, from, ExtentsMax, ct);
                runs.AddRange(page.Extents.Select(extent => new ByteRun(extent.Offset, extent.LengthBytes)));
                offset = page.NextOffset;
            }
        }
        catch (CloudException gone) when (gone.Kind == ErrorKind.NotFound && since is not null)
        {
            return null;
        }

        return runs;
    }
}
