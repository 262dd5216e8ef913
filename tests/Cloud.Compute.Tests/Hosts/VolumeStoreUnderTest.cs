using Cloud.Compute.Host;
using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Network;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Testing.Disks;
using Cloud.Vmm;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>A host's volumes in a folder of their own, with no guest that could have them.</summary>
internal sealed class VolumeStoreUnderTest : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-volumes-").FullName;
    private VolumeFiles _files = null!;
    private GuestNetwork _network = null!;
    private HostAgent _agent = null!;

    public IVolumeStore Store { get; private set; } = null!;

    public LayerMerger Merger { get; private set; } = null!;

    public string KeyFile => Path.Combine(_folder, "volumes.key");

    /// <summary>The folder of the volumes' files.</summary>
    public string Files => Path.Combine(_folder, "volumes", "files");

    public async ValueTask StartAsync()
    {
        var options = Options.Create(new HostOptions { Folder = _folder, VolumeKeyFile = Path.Combine(_folder, "volumes.key") });
        _files = new VolumeFiles(options);
        _network = new GuestNetwork(options, TimeProvider.System, NullLogger<GuestNetwork>.Instance);
        _agent = new HostAgent(
            options, new NoDriver(), new NoDisks(), new ContainerImages(options), _files, new SnapshotFiles(options), _network,
            TimeProvider.System, NullLogger<HostAgent>.Instance);
        Store = _agent.Volumes;
        Merger = new LayerMerger(_files, _agent, options, TimeProvider.System, NullLogger<LayerMerger>.Instance);
        await _agent.AdoptAllAsync(CancellationToken.None);
    }

    /// <summary>As after a crash: from what is on the disk.</summary>
    public async ValueTask RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await RequireWholeAsync(_files);
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Has every file that a volume or a snapshot is made of checked; but for those whose master key a test took away.</summary>
    public static async Task RequireWholeAsync(VolumeFiles files)
    {
        var layers = files.Volumes.SelectMany(volume => volume.Layers).Concat(files.Snapshots.SelectMany(snapshot => snapshot.Layers));
        foreach (var layer in layers.Distinct().Where(layer => layer.Format == DiskFile.Qcow2))
        {
            try
            {
                await DiskChecks.RequireWholeAsync(files.PathOf(layer), files.Open(layer).Key?.Passphrase);
            }
            catch (CloudException closed) when (closed.Code == HostErrors.MasterKeyMissing)
            {
                layer.Key.ShouldNotBeNull();
            }
        }
    }

    private async ValueTask StopAsync()
    {
        Merger.Dispose();
        await _agent.DisposeAsync();
        await _network.StopAsync(CancellationToken.None);
        await _network.DisposeAsync();
        _files.Dispose();
    }
}

/// <summary>Runs no guest.</summary>
internal sealed class NoDriver : IVmDriver
{
    public Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct) => Task.FromResult<IReadOnlyList<EngineProbe>>([]);

    public Task<IVirtualMachine> StartAsync(VmSpec spec, CancellationToken ct) => throw new VmException("Nothing runs here.");

    public Task<IVmArrival> AwaitAsync(VmSpec spec, IReadOnlyDictionary<string, string> slots, CancellationToken ct) =>
        throw new NotSupportedException();

    public Task<VmTemplate> MakeTemplateAsync(VmSpec spec, CancellationToken ct) => throw new VmException("Nothing runs here.");

    public Task<IVirtualMachine?> AdoptAsync(string folder, CancellationToken ct) => Task.FromResult<IVirtualMachine?>(null);
}

/// <summary>Makes no disk.</summary>
internal sealed class NoDisks : IDiskMaker
{
    public Task MakeRootAsync(GuestSpec spec, string path, CancellationToken ct) => Task.CompletedTask;
}
