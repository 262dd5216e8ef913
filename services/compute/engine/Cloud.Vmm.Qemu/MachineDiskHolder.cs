using System.Globalization;
using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>A machine: its disks are its devices', and its files are given to it open.</summary>
internal sealed class MachineDiskHolder : IDiskHolder
{
    public Task<IReadOnlyList<string>> QueryChainAsync(QmpClient qmp, string serial, CancellationToken ct) =>
        qmp.QueryChainAsync(DiskNodes.DeviceOf(serial), ct);

    public async Task<string> GiveFileAsync(
        QmpClient qmp, string path, VmDiskFormat format, bool readOnly, string serial, CancellationToken ct)
    {
        using var file = MachineFiles.OpenLayer(path, format, readOnly, serial);
        var set = await qmp.AddFileAsync(file, DiskNodes.LayerOf(serial, path), ct);
        return string.Create(CultureInfo.InvariantCulture, $"/dev/fdset/{set}");
    }

    public Task<IReadOnlyList<string>> QuerySecretsAsync(QmpClient qmp, CancellationToken ct) => qmp.QueryObjectsAsync(ct);

    public Task TakeFilesBackAsync(QmpClient qmp, Predicate<string> of, CancellationToken ct) => qmp.RemoveFilesAsync(of, ct);
}
