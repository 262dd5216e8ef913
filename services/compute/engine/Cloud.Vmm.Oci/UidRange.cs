using System.Globalization;
using System.Security.Cryptography;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The user ids of a container on its host: chosen at random at its first start, and kept in its folder, as its files are theirs. While it
/// runs its shim holds a lock on them, which all clouds of this host heed.
/// </summary>
internal static class UidRange
{
    private const int AttemptsMax = 100;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="VmException">None is free, or the container's own are in use.</exception>
    public static (int First, FileLock Lock) Take(string folder, OciOptions options)
    {
        Directory.CreateDirectory(options.UidLockFolder, OwnerOnly);
        var kept = Path.Combine(folder, ContainerFolder.Uids);
        if (File.Exists(kept))
        {
            var first = int.Parse(File.ReadAllText(kept), CultureInfo.InvariantCulture);
            return (first, TryLock(first, options) ?? throw new VmException("Another cloud of this host uses the container's user ids."));
        }

        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var first = options.UidFirst + (RandomNumberGenerator.GetInt32(options.UidRanges) * OciOptions.UidsEach);
            if (TryLock(first, options) is { } held)
            {
                File.WriteAllText(kept, first.ToString(CultureInfo.InvariantCulture));
                return (first, held);
            }
        }

        throw new VmException("No user ids are free on this host for another container.");
    }

    private static FileLock? TryLock(int first, OciOptions options) =>
        FileLock.TryTake(Path.Combine(options.UidLockFolder, first.ToString(CultureInfo.InvariantCulture)));
}
