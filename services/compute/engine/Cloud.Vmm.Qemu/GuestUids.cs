using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// Gives each machine's process a user id of its own. The same machine gets the same one wherever it is free; no two that run
/// have one in common, also not of two clouds on this host: the process itself holds a lock on its id's file.
/// </summary>
internal sealed class GuestUids(QemuOptions options)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <exception cref="VmException">Every id is in use.</exception>
    public (int Uid, FileLock Lock) Take(string machineId)
    {
        Directory.CreateDirectory(options.UidLockFolder, OwnerOnly);
        var first = BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(machineId)));
        for (var i = 0; i < options.GuestUidCount; i++)
        {
            var uid = options.GuestUidFirst + (int)((first + i) % options.GuestUidCount);
            if (FileLock.TryTake(Path.Combine(options.UidLockFolder, uid.ToString(CultureInfo.InvariantCulture))) is { } held)
            {
                return (uid, held);
            }
        }

        throw new VmException("No user id is free on this host for another machine.");
    }
}
