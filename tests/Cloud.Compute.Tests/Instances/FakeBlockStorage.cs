using System.Collections.Concurrent;
using Cloud.BlockStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Instances;

/// <summary>Volumes that are records; refuses what the contract refuses, and what it is told to.</summary>
internal sealed class FakeBlockStorage : IBlockStorage
{
    private readonly ConcurrentDictionary<string, (string Project, BlockVolume Volume)> _volumes = new(StringComparer.Ordinal);

    /// <summary>Every attach, in order.</summary>
    public ConcurrentQueue<BlockAttachment> Attachments { get; } = new();

    /// <summary>The volumes whose attach is refused.</summary>
    public ConcurrentDictionary<string, CloudException> Refusals { get; } = new(StringComparer.Ordinal);

    public string Add(
        string name, string project = "p-1", string status = BlockVolume.Available, string host = "fake", string? instance = null)
    {
        var id = $"vol-{name}";
        _volumes[id] = (project, new BlockVolume(id, name, status, null, 1 << 20, host, instance));
        return id;
    }

    public BlockVolume VolumeOf(string id) => _volumes[id].Volume;

    public Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct) => Task.FromResult(
        _volumes.Values.Where(one => one.Project == project && (one.Volume.Id == volume || one.Volume.Name == volume))
            .Select(one => one.Volume).SingleOrDefault());

    public async Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct)
    {
        Attachments.Enqueue(attachment);
        var volume = await FindVolumeAsync(attachment.Project, attachment.Volume, ct)
            ?? throw CloudException.NotFound("volume", attachment.Volume);
        if (Refusals.TryGetValue(volume.Id, out var refusal))
        {
            throw refusal;
        }

        if (volume.Instance is { } other && other != attachment.Instance)
        {
            throw CloudException.Conflict("volume-in-use", $"Instance '{other}' has it.");
        }

        return Set(volume with { Status = BlockVolume.Attached, Instance = attachment.Instance });
    }

    public Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<Stream> ExportAsync(string project, string source, CancellationToken ct) => throw NotAsked();

    public Task ReleaseAsync(string project, string instance, CancellationToken ct)
    {
        foreach (var (_, volume) in _volumes.Values.Where(one => one.Volume.Instance == instance))
        {
            Set(volume with { Status = BlockVolume.Available, Instance = null });
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<string>> ListVolumesAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) => throw new NotSupportedException();

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<AttachedBlockVolume>>(_volumes.Values.Select(one => one.Volume)
            .Where(volume => volume.Instance == instance).Select(volume => new AttachedBlockVolume(volume, false, false)).ToList());

    public Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct) => throw NotAsked();

    public Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct) => throw NotAsked();

    public Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct) => throw NotAsked();

    public Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct) => throw NotAsked();

    public Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct) => throw NotAsked();

    public Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct) => throw NotAsked();

    public Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct) => throw NotAsked();

    public Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct) => throw NotAsked();

    public Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct) => throw NotAsked();

    public Task BeginMoveAsync(string project, string instance, CancellationToken ct)
    {
        Moves.Add($"begin {instance}");
        return Task.CompletedTask;
    }

    public Task EndMoveAsync(string project, string instance, string host, CancellationToken ct)
    {
        Moves.Add($"end {instance} {host}");
        return Task.CompletedTask;
    }

    /// <summary>What was said of instances' ways to other hosts.</summary>
    public List<string> Moves { get; } = [];

    private static NotSupportedException NotAsked() => new("Compute never asks for this.");

    private BlockVolume Set(BlockVolume volume)
    {
        _volumes[volume.Id] = (_volumes[volume.Id].Project, volume);
        return volume;
    }
}
