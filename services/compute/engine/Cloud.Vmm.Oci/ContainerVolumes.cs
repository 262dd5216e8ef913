using System.Globalization;
using Cloud.Vmm.Qemu;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The volumes of a running container, which grow and are laid over while it runs: their files by the storage daemon that has them open,
/// their file systems by the shim that has them mounted.
/// </summary>
internal sealed class ContainerVolumes(string folder, IReadOnlyList<MachineVolume> volumes, TimeProvider time) : IDisposable
{
    private const string Thawed = "thawed";

    /// <summary>CAP_SYS_RESOURCE.</summary>
    private const int ResourceCapability = 24;

    private static readonly TimeSpan FreezeLimit = TimeSpan.FromSeconds(20);

    private readonly StorageDaemon _daemon = new(folder, time);
    private readonly SemaphoreSlim _freezing = new(1, 1);
    private MachineDisks? _disks;
    private ShimConversation? _frozen;

    /// <summary>ext4 asks who has it grow for a right that not every root has.</summary>
    public static bool MayGrowMounted { get; } = (EffectiveCapabilities() & (1UL << ResourceCapability)) != 0;

    private MachineDisks Disks => _disks ??= new MachineDisks(time, _daemon);

    /// <exception cref="VmException">This host's kernel lets no file system grow that is mounted; nothing was changed then.</exception>
    public async Task GrowAsync(string serial, long sizeBytes, CancellationToken ct)
    {
        var (number, volume) = Find(serial);
        if (!MayGrowMounted)
        {
            throw new VmException(
                "This host lets no file system grow while it is mounted: stop the container, resize the volume, and start it again.");
        }

        if (volume.File is { } raw)
        {
            using var file = File.OpenHandle(raw, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            RandomAccess.SetLength(file, Math.Max(sizeBytes, RandomAccess.GetLength(file)));
            RandomAccess.FlushToDisk(file);
        }
        else
        {
            await _daemon.AskAsync(
                async qmp =>
                {
                    await Disks.GrowAsync(qmp, serial, sizeBytes, ct);
                    return true;
                },
                ct);
        }

        using var shim = await ShimConversation.BeginAsync(folder, string.Create(CultureInfo.InvariantCulture, $"grow {number}"), ct);
        await shim.ExpectAsync("grown", ct);
    }

    public Task LayOverAsync(IReadOnlyDictionary<string, VmDiskLayer> overlays, CancellationToken ct)
    {
        if (overlays.Keys.FirstOrDefault(serial => Find(serial).Volume.File is not null) is not null)
        {
            throw new VmException(
                "A raw volume is mounted as it is, and cannot be kept while the container runs: stop it first, or use a qcow2 volume.");
        }

        return overlays.Count == 0 ? Task.CompletedTask : _daemon.AskAsync(
            async qmp =>
            {
                await Disks.LayOverAsync(qmp, overlays, ct);
                return true;
            },
            ct);
    }

    public Task<bool> HasLayerAsync(string serial, string path, CancellationToken ct) => IsShown(serial)
        ? _daemon.AskAsync(qmp => Disks.HasLayerAsync(qmp, serial, path, ct), ct)
        : Task.FromResult(false);

    public Task<bool> ReplaceLayersAsync(string serial, IReadOnlyList<string> layers, VmDiskLayer merged, CancellationToken ct) =>
        IsShown(serial)
            ? _daemon.AskAsync(qmp => Disks.ReplaceLayersAsync(qmp, serial, layers, merged, ct), ct)
            : Task.FromResult(false);

    /// <summary>
    /// Has the file systems that are written to write all down and hold still; false where there is none, or one does not. They go on by
    /// themselves after a while, and when this process ends.
    /// </summary>
    public async Task<bool> FreezeAsync(CancellationToken ct)
    {
        if (volumes.All(volume => volume.ReadOnly))
        {
            return false;
        }

        await _freezing.WaitAsync(ct);
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(FreezeLimit);
            _frozen?.Dispose();
            _frozen = await ShimConversation.BeginAsync(folder, "freeze", limit.Token);
            await _frozen.ExpectAsync("frozen", limit.Token);
            return true;
        }
        catch (Exception failed) when (failed is VmException || (failed is OperationCanceledException && !ct.IsCancellationRequested))
        {
            _frozen?.Dispose();
            _frozen = null;
            return false;
        }
        finally
        {
            _freezing.Release();
        }
    }

    public async Task ThawAsync(CancellationToken ct)
    {
        await _freezing.WaitAsync(ct);
        try
        {
            if (_frozen is { } frozen)
            {
                await frozen.SayAsync("thaw", ct);
                await frozen.ExpectAsync(Thawed, ct);
            }
        }
        finally
        {
            _frozen?.Dispose();
            _frozen = null;
            _freezing.Release();
        }
    }

    public void Dispose()
    {
        _frozen?.Dispose();
        _disks?.Dispose();
        _freezing.Dispose();
    }

    private static ulong EffectiveCapabilities()
    {
        const string Field = "CapEff:";
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Field, StringComparison.Ordinal));
        return line is null ? 0 : ulong.Parse(line[Field.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    private bool IsShown(string serial) => volumes.Any(volume => volume.Serial == serial && volume.File is null);

    private (int Number, MachineVolume Volume) Find(string serial)
    {
        var number = volumes.ToList().FindIndex(volume => volume.Serial == serial);
        return number >= 0 ? (number, volumes[number]) : throw new VmException("The container does not have the volume.");
    }
}
