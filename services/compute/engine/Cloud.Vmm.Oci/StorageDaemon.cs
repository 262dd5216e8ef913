using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Linux;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The storage daemon that has a container's volumes open: each disk is an export. It opens files by their names, as it runs as who made
/// them. A connection is made for each call, so that nothing of it is to be found again by an agent that is started later.
/// </summary>
internal sealed class StorageDaemon(string folder, TimeProvider time) : IDiskHolder
{
    /// <exception cref="VmException">It refuses, or does not answer.</exception>
    public async Task<T> AskAsync<T>(Func<QmpClient, Task<T>> ask, CancellationToken ct)
    {
        try
        {
            var stream = await FolderSocket.ConnectAsync(folder, ContainerFolder.Storage, ct);
            await using var qmp = await QmpClient.OpenAsync(stream, time, _ => { }, ct);
            return await ask(qmp);
        }
        catch (Exception failed) when (failed is QmpException or IOException or System.Net.Sockets.SocketException)
        {
            throw new VmException($"What shows the container its volumes did not do as asked: {failed.Message}", failed);
        }
    }

    public Task<IReadOnlyList<string>> QueryChainAsync(QmpClient qmp, string serial, CancellationToken ct) =>
        qmp.QueryExportAsync(DiskNodes.DeviceOf(serial), node => DiskNodes.IsLayerOf(serial, node), ct);

    public Task<string> GiveFileAsync(
        QmpClient qmp, string path, VmDiskFormat format, bool readOnly, string serial, CancellationToken ct)
    {
        using var file = MachineFiles.OpenLayer(path, format, readOnly, serial);
        return Task.FromResult(Path.GetFullPath(path));
    }

    /// <summary>A container's volumes are not encrypted.</summary>
    public Task<IReadOnlyList<string>> QuerySecretsAsync(QmpClient qmp, CancellationToken ct) => Task.FromResult<IReadOnlyList<string>>([]);

    public Task TakeFilesBackAsync(QmpClient qmp, Predicate<string> of, CancellationToken ct) => Task.CompletedTask;
}
