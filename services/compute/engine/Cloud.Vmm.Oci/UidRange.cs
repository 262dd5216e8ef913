using System.Globalization;
using System.Security.Cryptography;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>
/// The user ids of a container on its host: chosen at random at its first start, and kept in its folder, as its files are theirs. While it
/// runs its shim holds a lock on them, which all clouds of this host heed. An ordinary user's containers have all of them the same, those
/// that he has.
/// </summary>
internal static class UidRange
{
    private const int AttemptsMax = 100;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="VmException">None is free, or the container's own are in use.</exception>
    public static (int First, FileLock? Lock) Take(string folder, OciOptions options)
    {
        var kept = Path.Combine(folder, ContainerFolder.Uids);
        var before = File.Exists(kept) ? int.Parse(File.ReadAllText(kept), CultureInfo.InvariantCulture) : (int?)null;
        if (UserNamespace.Own is not null)
        {
            Require(before is null or UserNamespace.RootId, "root");
            File.WriteAllText(kept, UserNamespace.RootId.ToString(CultureInfo.InvariantCulture));
            return (UserNamespace.RootId, null);
        }

        Directory.CreateDirectory(options.UidLockFolder, OwnerOnly);
        if (before is { } first)
        {
            Require(first != UserNamespace.RootId, "an ordinary user");
            return (first, TryLock(first, options) ?? throw new VmException("Another cloud of this host uses the container's user ids."));
        }

        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var chosen = options.UidFirst + (RandomNumberGenerator.GetInt32(options.UidRanges) * OciOptions.UidsEach);
            if (TryLock(chosen, options) is { } held)
            {
                File.WriteAllText(kept, chosen.ToString(CultureInfo.InvariantCulture));
                return (chosen, held);
            }
        }

        throw new VmException("No user ids are free on this host for another container.");
    }

    private static void Require(bool isOfThisKind, string whose)
    {
        if (!isOfThisKind)
        {
            throw new VmException(
                $"The container has run where {whose} started the cloud: its files are of ids that this host does not give.");
        }
    }

    private static FileLock? TryLock(int first, OciOptions options) =>
        FileLock.TryTake(Path.Combine(options.UidLockFolder, first.ToString(CultureInfo.InvariantCulture)));
}
