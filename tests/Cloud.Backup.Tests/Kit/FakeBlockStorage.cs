using System.Collections.Concurrent;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Kit;

/// <summary>Block storage whose volumes are bytes in memory. It knows what changed as the real one does, in blocks of 64 KiB.</summary>
internal sealed class FakeBlockStorage : IBlockStorage
{
    private const int BlockBytes = 65536;

    private readonly Lock _changing = new();
    private readonly Dictionary<string, (BlockVolume Row, byte[] Bytes)> _volumes = [];
    private readonly Dictionary<string, (BlockSnapshot Row, byte[] Bytes)> _snapshots = [];
    private readonly Dictionary<string, BlockAttachment> _attachments = [];
    private int _ids;

    /// <summary>What was read, as offsets and lengths.</summary>
    public ConcurrentQueue<(long Offset, long Length)> Reads { get; } = new();

    /// <summary>Reads of this volume's snapshots wait until it is done.</summary>
    public ConcurrentDictionary<string, Task> Gates { get; } = new(StringComparer.Ordinal);

    /// <summary>What the next read of this volume's snapshots answers instead.</summary>
    public ConcurrentDictionary<string, CloudException> Refusals { get; } = new(StringComparer.Ordinal);

    /// <summary>Writes to a volume that a try makes, of this size, wait until it is done.</summary>
    public ConcurrentDictionary<long, Task> Tries { get; } = new();

    /// <summary>Writes to a volume of this name are done when this is, and last.</summary>
    public ConcurrentDictionary<string, Task> Writes { get; } = new(StringComparer.Ordinal);

    /// <summary>Removals of this snapshot or volume, by its name, answer this instead.</summary>
    public ConcurrentDictionary<string, CloudException> Removals { get; } = new(StringComparer.Ordinal);

    public string AddVolume(string name, byte[] bytes)
    {
        lock (_changing)
        {
            var id = $"vol-{++_ids:00000000000000000000000000}";
            _volumes[id] = (new BlockVolume(id, name, BlockVolume.Available, null, bytes.Length, "host-1", null), bytes);
            return id;
        }
    }

    public byte[] BytesOf(string volume)
    {
        lock (_changing)
        {
            return _volumes[volume].Bytes;
        }
    }

    public IReadOnlyList<string> VolumeNames()
    {
        lock (_changing)
        {
            return [.. _volumes.Values.Select(volume => volume.Row.Name)];
        }
    }

    public IReadOnlyList<string> SnapshotsOf(string volume)
    {
        lock (_changing)
        {
            return [.. _snapshots.Values.Where(snapshot => snapshot.Row.Volume == volume).Select(snapshot => snapshot.Row.Name)];
        }
    }

    public void Remove(string volume)
    {
        lock (_changing)
        {
            _volumes.Remove(volume);
        }
    }

    public Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult(
                _volumes.TryGetValue(volume, out var found)
                    ? found.Row
                    : _volumes.Values.Select(other => other.Row).FirstOrDefault(row => row.Name == volume));
        }
    }

    /// <summary>No instance has the volume any more.</summary>
    public void Release(string volume, bool remove)
    {
        lock (_changing)
        {
            if (remove)
            {
                _volumes.Remove(volume);
            }
            else
            {
                Set(volume, row => row with { Status = BlockVolume.Available, Instance = null });
            }
        }
    }

    public Task<IReadOnlyList<string>> ListVolumesAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<string>>([.. _volumes.Values.Select(volume => volume.Row).Where(
                row => labels.All(label => row.Labels.GetValueOrDefault(label.Key) == label.Value)).Select(row => row.Id)]);
        }
    }

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<AttachedBlockVolume>>([.. _volumes.Values.Select(volume => volume.Row)
                .Where(row => row.Instance == instance)
                .Select(row => new AttachedBlockVolume(row, false, _attachments[row.Id].DeleteOnTermination))]);
        }
    }

    public Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct)
    {
        lock (_changing)
        {
            var there = _volumes.Values.FirstOrDefault(other => other.Row.Name == volume.Name);
            return Task.FromResult(there.Row ?? Set(
                AddVolume(volume.Name, new byte[volume.SizeBytes!.Value]),
                row => row with { Labels = volume.Labels ?? new Dictionary<string, string>() }));
        }
    }

    public Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct)
    {
        Remove(volume);
        return Task.FromResult(true);
    }

    public Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<BlockSnapshot>>([.. names.Where(pair => _volumes.ContainsKey(pair.Key)).Select(pair =>
            {
                var there = _snapshots.Values.FirstOrDefault(snapshot => snapshot.Row.Name == pair.Value).Row;
                if (there is not null)
                {
                    return there;
                }

                var (volume, bytes) = _volumes[pair.Key];
                var row = new BlockSnapshot($"snap-{++_ids}", pair.Value, BlockVolume.Available, null, volume.Id, bytes.Length, true);
                _snapshots[row.Id] = (row, bytes.ToArray());
                return row;
            })]);
        }
    }

    public Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult(
                _snapshots.TryGetValue(snapshot, out var found)
                    ? found.Row
                    : _snapshots.Values.Select(other => other.Row).FirstOrDefault(row => row.Name == snapshot));
        }
    }

    public Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        if (Removals.TryGetValue(snapshot, out var refusal))
        {
            throw refusal;
        }

        lock (_changing)
        {
            var found = _snapshots.Values.FirstOrDefault(one => one.Row.Id == snapshot || one.Row.Name == snapshot).Row;
            _snapshots.Remove(found?.Id ?? snapshot);

            return Task.FromResult(true);
        }
    }

    public async Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        var volume = (await FindSnapshotAsync(project, source, ct))!.Volume;
        if (Gates.TryGetValue(volume, out var gate))
        {
            await gate.WaitAsync(ct);
        }

        if (Refusals.TryRemove(volume, out var refusal))
        {
            throw refusal;
        }

        Reads.Enqueue((offset, lengthBytes));
        lock (_changing)
        {
            return new MemoryStream(_snapshots[source].Bytes, (int)offset, (int)lengthBytes, writable: false);
        }
    }

    public async Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct)
    {
        if ((await FindVolumeAsync(project, volume, ct))!.Name.StartsWith("try-", StringComparison.Ordinal)
            && Tries.TryGetValue(BytesOf(volume).Length, out var gate))
        {
            await gate.WaitAsync(ct);
        }

        using var bytes = new MemoryStream();
        await content.CopyToAsync(bytes, ct);
        lock (_changing)
        {
            if (_volumes[volume].Row.Instance is not null)
            {
                throw CloudException.Conflict("volume-in-use", "An instance has it.");
            }

            bytes.ToArray().CopyTo(_volumes[volume].Bytes, offset);
        }

        if (Writes.TryGetValue((await FindVolumeAsync(project, volume, ct))!.Name, out var end))
        {
            await end.WaitAsync(ct);
        }
    }

    public Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        lock (_changing)
        {
            var (now, before) = (_snapshots[snapshot].Bytes, since is null ? [] : _snapshots[since].Bytes);
            var extents = new List<BlockExtent>();
            for (var at = 0; at < now.Length; at += BlockBytes)
            {
                var length = Math.Min(BlockBytes, now.Length - at);
                var block = now.AsSpan(at, length);
                var differs = at + length <= before.Length
                    ? !block.SequenceEqual(before.AsSpan(at, length))
                    : block.IndexOfAnyExcept((byte)0) >= 0;
                if (differs)
                {
                    extents.Add(new BlockExtent(at, length));
                }
            }

            return Task.FromResult(new BlockExtents(extents, null));
        }
    }

    public Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct)
    {
        lock (_changing)
        {
            _attachments[attachment.Volume] = attachment;
            return Task.FromResult(Set(
                attachment.Volume, row => row with { Status = BlockVolume.Attached, Instance = attachment.Instance }));
        }
    }

    public Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct)
    {
        Release(volume, remove: false);
        return FindVolumeAsync(project, volume, ct)!;
    }

    private BlockVolume Set(string volume, Func<BlockVolume, BlockVolume> change)
    {
        var (row, bytes) = _volumes[volume];
        _volumes[volume] = (change(row), bytes);
        return _volumes[volume].Row;
    }

    public Task<Stream> ExportAsync(string project, string source, CancellationToken ct) => throw new NotSupportedException();

    public Task BeginMoveAsync(string project, string instance, CancellationToken ct) => throw new NotSupportedException();

    public Task EndMoveAsync(string project, string instance, string host, CancellationToken ct) => throw new NotSupportedException();

    public Task ReleaseAsync(string project, string instance, CancellationToken ct) => throw new NotSupportedException();
}
