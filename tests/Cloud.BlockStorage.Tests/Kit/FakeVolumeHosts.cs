using System.Collections.Concurrent;
using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.BlockStorage.Tests.Kit;

/// <summary>
/// One host whose volumes and instances are records. It does what the contract says, refuses what the contract refuses, and fails where it
/// is told to.
/// </summary>
internal sealed class FakeVolumeHosts : IVolumeHosts
{
    public const string Host = "host-1";

    private readonly Lock _changing = new();
    private readonly Dictionary<string, HostedVolume> _volumes = [];
    private readonly Dictionary<string, (string Volume, long SizeBytes)> _snapshots = [];
    private readonly Dictionary<string, (string Project, VolumeInstance Instance)> _instances = [];
    private readonly Dictionary<string, PluggedVolume> _plugged = [];
    private readonly Dictionary<string, byte[]> _bytes = [];

    /// <summary>
    /// What the next call of this name with this id answers instead; the id is the volume's; for the delete of a snapshot, its own.
    /// </summary>
    public ConcurrentDictionary<(string Call, string Id), CloudException> Refusals { get; } = new();

    /// <summary>The calls of this name wait until it is done.</summary>
    public ConcurrentDictionary<string, Task> Waits { get; } = new(StringComparer.Ordinal);

    /// <summary>Every unplug, with whether it was by force.</summary>
    public ConcurrentQueue<(string Volume, bool Force)> Unplugs { get; } = new();

    public ConcurrentQueue<(string Volume, string Snapshot)> Restores { get; } = new();

    public const string Other = "host-2";

    /// <summary>The hosts that are to hold nothing.</summary>
    public ConcurrentBag<string> Drained { get; } = [];

    /// <summary>The volumes that hosts have forgotten, as <c>HOST VOLUME</c>.</summary>
    public ConcurrentQueue<string> Forgotten { get; } = new();

    public Task<VolumeHost> ChooseOtherAsync(string from, string? named, CancellationToken ct) => named == from
        ? throw CloudException.Conflict("already-there", "It is there already.")
        : Task.FromResult(new VolumeHost(named ?? (from == Host ? Other : Host)));

    public Task<IReadOnlyList<string>> ListDrainedAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(Drained.ToList());

    public Task CopyToAsync(string host, string volume, string to, CancellationToken ct) =>
        ActAsync(nameof(CopyToAsync), volume, () => _volumes[volume] = _volumes[volume] with { Host = to }, ct);

    /// <summary>The volumes that were to go and stay.</summary>
    public ConcurrentQueue<string> Kept { get; } = new();

    public Task KeepAsync(string host, string volume, CancellationToken ct)
    {
        Kept.Enqueue($"{host} {volume}");
        return Task.CompletedTask;
    }

    public Task ForgetAsync(string host, string volume, CancellationToken ct)
    {
        Forgotten.Enqueue($"{host} {volume}");
        return Task.CompletedTask;
    }

    public HostedVolume? VolumeOf(string volume)
    {
        lock (_changing)
        {
            return _volumes.GetValueOrDefault(volume);
        }
    }

    /// <summary>The volume that the snapshot is of; null where the host has no such snapshot.</summary>
    public string? SnapshotOf(string snapshot)
    {
        lock (_changing)
        {
            return _snapshots.GetValueOrDefault(snapshot).Volume;
        }
    }

    public PluggedVolume? PluggedOf(string volume)
    {
        lock (_changing)
        {
            return _plugged.GetValueOrDefault(volume);
        }
    }

    /// <summary>The project has this instance from now on.</summary>
    public string AddInstance(string project, string id, string host = Host, bool goes = false)
    {
        lock (_changing)
        {
            _instances[id] = (project, new VolumeInstance(id, host, goes));
        }

        return id;
    }

    public void RemoveInstance(string id)
    {
        lock (_changing)
        {
            _instances.Remove(id);
            foreach (var volume in _plugged.Values.Where(plugged => plugged.Instance == id).Select(plugged => plugged.Volume).ToList())
            {
                _plugged.Remove(volume);
            }
        }
    }

    public Task<VolumeHost> ChooseAsync(CancellationToken ct) => Task.FromResult(new VolumeHost(Host));

    public Task PutAsync(HostedVolume volume, CancellationToken ct) => ActAsync(nameof(PutAsync), volume.Volume, () =>
    {
        if (volume.Snapshot is { } snapshot && !_snapshots.ContainsKey(snapshot))
        {
            throw CloudException.NotFound("snapshot", snapshot);
        }

        var sizeBytes = Math.Max(volume.SizeBytes, _volumes.GetValueOrDefault(volume.Volume)?.SizeBytes ?? 0);
        _volumes[volume.Volume] = volume with { SizeBytes = sizeBytes };
    }, ct);

    public Task DeleteAsync(string host, string volume, CancellationToken ct) => ActAsync(nameof(DeleteAsync), volume, () =>
    {
        RequireUnplugged(volume);
        _volumes.Remove(volume);
    }, ct);

    public Task<IReadOnlyList<HeldVolume>> ListAsync(string host, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<HeldVolume>>(
                _volumes.Keys.Select(id => new HeldVolume(id, _plugged.GetValueOrDefault(id)?.Instance)).ToList());
        }
    }

    /// <summary>As after a time in which nobody heard of the host: it has a volume for an instance, or for none.</summary>
    public void Drift(string volume, string? instance)
    {
        lock (_changing)
        {
            _plugged.Remove(volume);
            if (instance is not null)
            {
                _plugged[volume] = new PluggedVolume(instance, Host, volume, false);
            }
        }
    }

    public async Task<IReadOnlyList<HostedSnapshot>> SnapshotAsync(
        string host, IReadOnlyDictionary<string, string> snapshots, CancellationToken ct)
    {
        var taken = new List<HostedSnapshot>();
        foreach (var (volume, snapshot) in snapshots)
        {
            await ActAsync(nameof(SnapshotAsync), volume, () =>
            {
                var sizeBytes = Require(volume).SizeBytes;
                _snapshots[snapshot] = (volume, sizeBytes);
                _bytes[snapshot] = (byte[])BytesOf(volume, sizeBytes).Clone();
                taken.Add(new HostedSnapshot(snapshot, volume, sizeBytes, _plugged.ContainsKey(volume)));
            }, ct);
        }

        return taken;
    }

    public Task DeleteSnapshotAsync(string host, string snapshot, CancellationToken ct) =>
        ActAsync(nameof(DeleteSnapshotAsync), snapshot, () => _snapshots.Remove(snapshot), ct);

    public Task RestoreAsync(string host, string volume, string snapshot, CancellationToken ct) =>
        ActAsync(nameof(RestoreAsync), volume, () =>
        {
            RequireUnplugged(volume);
            if (!_snapshots.TryGetValue(snapshot, out var taken) || taken.Volume != volume)
            {
                throw CloudException.NotFound("snapshot", snapshot);
            }

            _volumes[volume] = Require(volume) with { SizeBytes = taken.SizeBytes };
            Restores.Enqueue((volume, snapshot));
        }, ct);

    public Task<Stream> ReadContentAsync(string host, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        lock (_changing)
        {
            var bytes = BytesOf(source, _snapshots.TryGetValue(source, out var taken) ? taken.SizeBytes : Require(source).SizeBytes);
            return Task.FromResult<Stream>(new MemoryStream(bytes, (int)offset, (int)lengthBytes));
        }
    }

    public async Task WriteContentAsync(string host, string volume, long offset, Stream content, CancellationToken ct)
    {
        using var all = new MemoryStream();
        await content.CopyToAsync(all, ct);
        await ActAsync(nameof(WriteContentAsync), volume, () =>
        {
            RequireUnplugged(volume);
            all.ToArray().CopyTo(BytesOf(volume, Require(volume).SizeBytes), offset);
        }, ct);
    }

    /// <summary>Compared block by block: a host tells at least these.</summary>
    public Task<HostedExtents> ListExtentsAsync(
        string host, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        const int Block = 1 << 16;
        lock (_changing)
        {
            var (now, then) = (_bytes[snapshot], since is null ? null : _bytes[since]);
            var extents = new List<HostedExtent>();
            for (var at = (int)offset; at < now.Length; at += Block)
            {
                var block = now.AsSpan(at, Block);
                if (then is null ? block.ContainsAnyExcept((byte)0) : !block.SequenceEqual(then.AsSpan(at, Block)))
                {
                    extents.Add(new HostedExtent(at, Block));
                }
            }

            return Task.FromResult(new HostedExtents(
                extents.Take(countMax).ToList(), extents.Count > countMax ? extents[countMax].Offset : null));
        }
    }

    public async Task StageAsync(string host, string volume, long offset, Stream content, CancellationToken ct)
    {
        using var all = new MemoryStream();
        await content.CopyToAsync(all, ct);
        lock (_changing)
        {
            var before = Staged.GetValueOrDefault(volume) ?? [];
            Staged[volume] = offset <= before.Length
                ? [.. before.Take((int)offset), .. all.ToArray()]
                : throw CloudException.Conflict("content-incomplete", $"{before.Length} bytes of the file are there.");
        }
    }

    /// <summary>The files that came in for volumes.</summary>
    public ConcurrentDictionary<string, byte[]> Staged { get; } = new(StringComparer.Ordinal);

    /// <summary>The volumes whose files were taken, with the files' lengths.</summary>
    public ConcurrentQueue<(string Volume, long FileBytes)> Imports { get; } = new();

    /// <summary>In two calls.</summary>
    public Task<long?> ImportAsync(string host, string volume, long fileBytes, long from, CancellationToken ct)
    {
        if (from == 0)
        {
            return Task.FromResult<long?>(1);
        }

        Imports.Enqueue((volume, fileBytes));
        return Task.FromResult<long?>(null);
    }

    public Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct)
    {
        lock (_changing)
        {
            var disk = _plugged.ContainsKey(volume) ? new HostedDiskMetrics(1, 2, 3, 4, 5, 6, 7, 8) : null;
            return Task.FromResult(new HostedVolumeMetrics(Require(volume).SizeBytes / 2, 1, disk));
        }
    }

    public ConcurrentQueue<NewVolumeImage> Images { get; } = new();

    public Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct)
    {
        Images.Enqueue(image);
        return Task.FromResult(new VolumeImage($"img-{image.Name}", image.Name, 0));
    }

    /// <summary>How often the master keys were made anew.</summary>
    public int Rotations { get; private set; }

    public Task RotateMasterKeysAsync(CancellationToken ct) => ActAsync(nameof(RotateMasterKeysAsync), "", () => Rotations++, ct);

    public Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<HostMasterKey>>([new HostMasterKey(Host, new string('6', 64))]);

    public Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct) =>
        Task.FromResult(image == "tiny" ? new VolumeImage("img-tiny", "tiny", 64 << 20) : null);

    public Task<VolumeInstance?> FindInstanceAsync(string project, string instance, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult(
                _instances.TryGetValue(instance, out var found) && found.Project == project ? found.Instance : null);
        }
    }

    public Task PlugAsync(PluggedVolume volume, CancellationToken ct) => ActAsync(nameof(PlugAsync), volume.Volume, () =>
    {
        if (!_instances.TryGetValue(volume.Instance, out var found))
        {
            throw CloudException.NotFound("instance", volume.Instance);
        }

        if (found.Instance.Host != volume.Host)
        {
            throw CloudException.Conflict("volume-elsewhere", $"The instance is on host '{found.Instance.Host}'.");
        }

        if (_plugged.TryGetValue(volume.Volume, out var other) && other.Instance != volume.Instance)
        {
            throw CloudException.Conflict("volume-in-use", $"Instance '{other.Instance}' has it.");
        }

        Require(volume.Volume);
        _plugged[volume.Volume] = volume;
    }, ct);

    public Task UnplugAsync(string instance, string volume, bool force, CancellationToken ct) =>
        ActAsync(nameof(UnplugAsync), volume, () =>
        {
            Unplugs.Enqueue((volume, force));
            if (_plugged.TryGetValue(volume, out var plugged) && plugged.Instance == instance)
            {
                _plugged.Remove(volume);
            }
        }, ct);

    private async Task ActAsync(string call, string id, Action act, CancellationToken ct)
    {
        if (Waits.TryGetValue(call, out var wait))
        {
            await wait.WaitAsync(ct);
        }

        if (Refusals.TryRemove((call, id), out var refusal))
        {
            throw refusal;
        }

        lock (_changing)
        {
            act();
        }
    }

    private byte[] BytesOf(string source, long sizeBytes)
    {
        if (!_bytes.TryGetValue(source, out var bytes))
        {
            _bytes[source] = bytes = new byte[sizeBytes];
        }

        return bytes;
    }

    private HostedVolume Require(string volume) => _volumes.GetValueOrDefault(volume) ?? throw CloudException.NotFound("volume", volume);

    private void RequireUnplugged(string volume)
    {
        if (_plugged.TryGetValue(volume, out var plugged))
        {
            throw CloudException.Conflict("volume-in-use", $"Instance '{plugged.Instance}' has it.");
        }
    }
}
