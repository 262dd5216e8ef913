using System.Collections.Concurrent;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Kit;

/// <summary>Instances whose root disks are bytes in memory, and the host that holds snapshots of these.</summary>
internal sealed class FakeCompute(FakeBlockStorage storage) : IInstances, IVolumeHosts
{
    private const string Host = "host-1";
    private const int BlockBytes = 65536;

    private readonly ConcurrentDictionary<string, InstanceState> _instances = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _origins = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, byte[]> _roots = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string Of, byte[] Bytes)> _snapshots = new(StringComparer.Ordinal);
    private int _ids;

    /// <summary>What was read of root disks' snapshots, as offsets and lengths.</summary>
    public ConcurrentQueue<(long Offset, long Length)> Reads { get; } = new();

    /// <summary>Every copy that was asked for.</summary>
    public ConcurrentQueue<NewInstanceCopy> Copies { get; } = new();

    /// <summary>Instances of whose root disks no snapshot can be taken, and why.</summary>
    public ConcurrentDictionary<string, CloudException> Refusals { get; } = new(StringComparer.Ordinal);

    /// <summary>A root disk that begins with this byte does not boot.</summary>
    public const byte Unbootable = 0xff;

    /// <summary>What every command ends with.</summary>
    public int ExitCode { get; set; }

    public string Add(string name, byte[] root, IReadOnlyDictionary<string, string>? labels = null)
    {
        var id = $"i-{Interlocked.Increment(ref _ids):00000000000000000000000000}";
        _roots[id] = root;
        _instances[id] = new InstanceState(id, name, InstanceState.Running, null, true, true, Host, new InstanceSettings
        {
            ProjectName = "project",
            Image = "img-1",
            ImageName = "tiny",
            Type = "nano",
            Engine = "auto",
            UserData = "#!/bin/sh",
            Ports = [22],
            RestartPolicy = "on-failure",
            Labels = labels ?? new Dictionary<string, string>(),
        });
        return id;
    }

    public InstanceState Of(string id) => _instances[id];

    public byte[] RootOf(string id) => _roots[id];

    public IReadOnlyList<string> Names => [.. _instances.Values.Select(instance => instance.Name)];

    public IReadOnlyList<string> SnapshotsOf(string instance) =>
        [.. _snapshots.Where(snapshot => snapshot.Value.Of == instance).Select(snapshot => snapshot.Key)];

    public Task<InstanceState?> FindAsync(string project, string instance, CancellationToken ct) => Task.FromResult(
        _instances.Values.FirstOrDefault(one => one.Id == instance || one.Name == instance));

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>([.. _instances.Values.Where(
            one => labels.All(label => one.Settings.Labels.GetValueOrDefault(label.Key) == label.Value)).Select(one => one.Id)]);

    public async Task<InstanceState> CreateAsync(string project, NewInstanceCopy copy, CancellationToken ct)
    {
        if (await FindAsync(project, copy.Name, ct) is { } there)
        {
            return _origins.GetValueOrDefault(there.Id) == copy.RootOf
                ? there
                : throw CloudException.Conflict("name-taken", $"There is already an instance '{copy.Name}'.");
        }

        Copies.Enqueue(copy);
        var root = _snapshots[copy.RootOf].Bytes.ToArray();
        var id = Add(copy.Name, root);
        _origins[id] = copy.RootOf;
        foreach (var volume in copy.Volumes)
        {
            await storage.AttachAsync(
                new BlockAttachment(project, volume.Volume, id, volume.ReadOnly, volume.DeleteOnTermination), ct);
        }

        var boots = root[0] != Unbootable;
        return _instances[id] = _instances[id] with
        {
            Settings = copy.Settings,
            Ready = boots,
            StatusReason = boots ? null : "There is no kernel.",
        };
    }

    public Task<InstanceState> StopAsync(string project, string instance, CancellationToken ct) =>
        Task.FromResult(_instances[instance] = _instances[instance] with { Status = InstanceState.Stopped });

    public Task<InstanceState> StartAsync(string project, string instance, CancellationToken ct) =>
        Task.FromResult(_instances[instance] = _instances[instance] with { Status = InstanceState.Running });

    public Task ReplaceRootAsync(string project, string instance, string snapshot, CancellationToken ct)
    {
        if (_instances[instance].Status != InstanceState.Stopped)
        {
            throw CloudException.Conflict("wrong-status", "It runs.");
        }

        _roots[instance] = _snapshots[snapshot].Bytes.ToArray();
        return Task.CompletedTask;
    }

    public async Task<bool> DeleteAsync(string project, string instance, CancellationToken ct)
    {
        if (await FindAsync(project, instance, ct) is { } found)
        {
            _instances.TryRemove(found.Id, out _);
            foreach (var one in await storage.ListAttachedAsync(project, found.Id, ct))
            {
                storage.Release(one.Volume.Id, remove: one.DeleteOnTermination);
            }
        }

        return true;
    }

    public Task<string?> RefusalOfContainerAsync(string image, int vcpus, long memoryBytes, string? volumeHost, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<InstanceState> CreateServiceAsync(NewServiceInstance instance, CancellationToken ct) => throw new NotSupportedException();

    public Task<InstanceState> ResizeAsync(string project, string instance, int vcpus, long memoryBytes, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<ContainerCommandEnd> RunAsync(
        string project, string instance, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct) => throw new NotSupportedException();

    public Task<int> ExecAsync(string project, string instance, IReadOnlyList<string> command, CancellationToken ct) =>
        Task.FromResult(ExitCode);

    public Task<IReadOnlyList<HostedSnapshot>> SnapshotAsync(
        string host, IReadOnlyDictionary<string, string> snapshots, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<HostedSnapshot>>([.. snapshots.Select(pair =>
        {
            if (Refusals.TryGetValue(pair.Key, out var refusal))
            {
                throw refusal;
            }

            var taken = _snapshots.GetOrAdd(
                pair.Value, _ => (pair.Key, (_roots.TryGetValue(pair.Key, out var root) ? root : storage.BytesOf(pair.Key)).ToArray()));
            return new HostedSnapshot(pair.Value, pair.Key, taken.Bytes.Length, true);
        })]);

    public Task DeleteSnapshotAsync(string host, string snapshot, CancellationToken ct)
    {
        _snapshots.TryRemove(snapshot, out _);
        return Task.CompletedTask;
    }

    public Task<Stream> ReadContentAsync(string host, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        Reads.Enqueue((offset, lengthBytes));
        return Task.FromResult<Stream>(new MemoryStream(_snapshots[source].Bytes, (int)offset, (int)lengthBytes, writable: false));
    }

    public Task<HostedExtents> ListExtentsAsync(
        string host, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        if (since is not null && !_snapshots.ContainsKey(since))
        {
            throw CloudException.NotFound("snapshot", since);
        }

        var (now, before) = (_snapshots[snapshot].Bytes, since is null ? [] : _snapshots[since].Bytes);
        var extents = Enumerable.Range(0, now.Length / BlockBytes).Select(block => block * BlockBytes)
            .Where(at => since is null || !now.AsSpan(at, BlockBytes).SequenceEqual(before.AsSpan(at, BlockBytes)))
            .Select(at => new HostedExtent(at, BlockBytes)).ToList();
        return Task.FromResult(new HostedExtents(extents, null));
    }

    public Task<VolumeHost> ChooseOtherAsync(string from, string? named, CancellationToken ct) => throw NotAsked();

    public Task<IReadOnlyList<string>> ListDrainedAsync(CancellationToken ct) => throw NotAsked();

    public Task CopyToAsync(string host, string volume, string to, CancellationToken ct) => throw NotAsked();

    public Task KeepAsync(string host, string volume, CancellationToken ct) => throw NotAsked();

    public Task ForgetAsync(string host, string volume, CancellationToken ct) => throw NotAsked();

    public Task<VolumeHost> ChooseAsync(CancellationToken ct) => throw NotAsked();

    public Task PutAsync(HostedVolume volume, CancellationToken ct) => throw NotAsked();

    Task IVolumeHosts.DeleteAsync(string host, string volume, CancellationToken ct) => throw NotAsked();

    Task<IReadOnlyList<HeldVolume>> IVolumeHosts.ListAsync(string host, CancellationToken ct) => throw NotAsked();

    public Task RestoreAsync(string host, string volume, string snapshot, CancellationToken ct) => throw NotAsked();

    public Task WriteContentAsync(string host, string volume, long offset, Stream content, CancellationToken ct) => throw NotAsked();

    public Task StageAsync(string host, string volume, long offset, Stream content, CancellationToken ct) => throw NotAsked();

    public Task<long?> ImportAsync(string host, string volume, long fileBytes, long from, CancellationToken ct) => throw NotAsked();

    public Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct) => throw NotAsked();

    public Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct) => throw NotAsked();

    public Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct) => throw NotAsked();

    public Task RotateMasterKeysAsync(CancellationToken ct) => throw NotAsked();

    public Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct) => throw NotAsked();

    public Task<VolumeInstance?> FindInstanceAsync(string project, string instance, CancellationToken ct) => throw NotAsked();

    public Task PlugAsync(PluggedVolume volume, CancellationToken ct) => throw NotAsked();

    public Task UnplugAsync(string instance, string volume, bool force, CancellationToken ct) => throw NotAsked();

    private static NotSupportedException NotAsked() => new("Backups do not ask for it.");
}
