using System.Collections.Concurrent;
using System.Diagnostics;
using Cloud.BlockStorage.Contracts;
using Cloud.Testing;

namespace Cloud.Database.Tests.Kit;

/// <summary>Volumes as raw files with an ext4 each, mounted by a loop device while they are there.</summary>
internal sealed class LoopVolumes(string folder) : IBlockStorage, IAsyncDisposable
{
    /// <summary>Whom the root of each belongs to.</summary>
    public const int Uid = 999;

    private readonly ConcurrentDictionary<string, BlockVolume> _volumes = new();
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, string>> _labels = new();
    private readonly ConcurrentDictionary<string, string> _sources = new();

    public IEnumerable<string> Names => _volumes.Keys;

    /// <summary>The volume that one was made of; null of a blank one.</summary>
    public string? SourceOf(string volume) => _sources.GetValueOrDefault(volume);

    public string PathOf(string volume) => Path.Combine(folder, volume);

    public Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct) =>
        Task.FromResult(_volumes.GetValueOrDefault(volume));

    public Task<IReadOnlyList<string>> ListVolumesAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<string>>(_volumes.Keys.Where(name => labels.All(_labels[name].Contains)).ToList());

    public async Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct)
    {
        if (_volumes.TryGetValue(volume.Name, out var there))
        {
            return there;
        }

        var (file, path) = (FileOf(volume.Name), PathOf(volume.Name));
        if (volume.Volume is { } source)
        {
            await RunAsync("fsfreeze", "--freeze", PathOf(source));
            await RunAsync("cp", "--sparse=always", FileOf(source), file);
            await RunAsync("fsfreeze", "--unfreeze", PathOf(source));
            _sources[volume.Name] = source;
        }
        else
        {
            await RunAsync("truncate", "-s", $"{volume.SizeBytes}", file);
            await RunAsync("mkfs.ext4", "-q", "-F", "-m", "0", "-E", $"root_owner={Uid}:{Uid}", file);
        }

        Directory.CreateDirectory(path);
        await RunAsync("mount", "-o", "loop", file, path);
        _labels[volume.Name] = volume.Labels ?? new Dictionary<string, string>();
        return _volumes[volume.Name] = new BlockVolume(
            volume.Name, volume.Name, BlockVolume.Available, null, volume.SizeBytes!.Value, "host", null);
    }

    /// <summary>Can be called again where it failed midway.</summary>
    public async Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct)
    {
        if ((await RunAsync("losetup", "--associated", FileOf(volume))).Length > 0)
        {
            await RunAsync("umount", PathOf(volume));
        }

        // A container that starts just now has the mounts of all others until it has put them off.
        await Eventually.HoldsAsync(
            async () => (await RunAsync("losetup", "--associated", FileOf(volume))).Length == 0, "nothing holds the volume's file");
        await RunAsync("truncate", "-s", $">{sizeBytes}", FileOf(volume));
        await RunAsync("e2fsck", "-f", "-p", FileOf(volume));
        await RunAsync("resize2fs", FileOf(volume));
        await RunAsync("mount", "-o", "loop", FileOf(volume), PathOf(volume));
        return _volumes[volume] = _volumes[volume] with { SizeBytes = Math.Max(sizeBytes, _volumes[volume].SizeBytes) };
    }

    public async Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct)
    {
        if (_volumes.TryRemove(volume, out _))
        {
            await RunAsync("umount", PathOf(volume));
            File.Delete(FileOf(volume));
        }

        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var volume in _volumes.Keys)
        {
            await DeleteVolumeAsync("", volume, CancellationToken.None);
        }
    }

    public Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct) => throw new NotSupportedException();

    public Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct) => throw new NotSupportedException();

    public Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<Stream> ExportAsync(string project, string source, CancellationToken ct) => throw new NotSupportedException();

    public Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct) => throw new NotSupportedException();

    public Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task BeginMoveAsync(string project, string instance, CancellationToken ct) => throw new NotSupportedException();

    public Task EndMoveAsync(string project, string instance, string host, CancellationToken ct) => throw new NotSupportedException();

    public Task ReleaseAsync(string project, string instance, CancellationToken ct) => throw new NotSupportedException();

    private string FileOf(string volume) => Path.Combine(folder, volume + ".img");

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, $"{program}: {await errors}");
        return said;
    }
}
