using Cloud.Vmm.Qemu.Qmp;

namespace Cloud.Vmm.Qemu;

/// <summary>A program that has disks open and is asked by QMP: where it differs from another such.</summary>
internal interface IDiskHolder
{
    /// <summary>The nodes of a disk, from the one that is read and written down the files it lies over; none for no such disk.</summary>
    Task<IReadOnlyList<string>> QueryChainAsync(QmpClient qmp, string serial, CancellationToken ct);

    /// <summary>Gives it a file of a disk; its name there.</summary>
    /// <exception cref="VmException">It is not what it is said to be.</exception>
    Task<string> GiveFileAsync(QmpClient qmp, string path, VmDiskFormat format, bool readOnly, string serial, CancellationToken ct);

    /// <summary>The names of the passphrases that it was given.</summary>
    Task<IReadOnlyList<string>> QuerySecretsAsync(QmpClient qmp, CancellationToken ct);

    /// <summary>Takes files back that no node has any more.</summary>
    Task TakeFilesBackAsync(QmpClient qmp, Predicate<string> of, CancellationToken ct);
}
