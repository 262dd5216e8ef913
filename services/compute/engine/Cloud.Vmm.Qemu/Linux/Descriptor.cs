using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>
/// Opens files by the flags of open(2). Every descriptor is closed on exec, so a child gets those that it is given and no other.
/// </summary>
internal static class Descriptor
{
    private const uint OwnerOnly = 0b110_000_000;

    /// <exception cref="IOException">It cannot be opened; the message names the file without its folder.</exception>
    public static SafeFileHandle Open(string path, int flags)
    {
        var descriptor = LibC.Open(path, flags | LibC.OpenCloseOnExec, OwnerOnly);
        if (descriptor < 0)
        {
            throw new IOException($"'{Path.GetFileName(path)}' cannot be opened: {LastError()}");
        }

        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>
    /// A folder as a place to start a path from, whatever the rights of the folders above it: <c>/proc/self/fd/N/name</c>.
    /// </summary>
    public static SafeFileHandle OpenFolder(string path) => Open(path, LibC.OpenPath | LibC.OpenDirectory);

    /// <summary>Another number for the same open file.</summary>
    public static SafeFileHandle Duplicate(SafeFileHandle file)
    {
        var copy = LibC.FileControl(file, LibC.DuplicateCloseOnExec, 0);
        return copy >= 0 ? new SafeFileHandle(copy, ownsHandle: true) : throw new IOException(LastError());
    }

    public static string LastError() => new Win32Exception(Marshal.GetLastPInvokeError()).Message;
}
