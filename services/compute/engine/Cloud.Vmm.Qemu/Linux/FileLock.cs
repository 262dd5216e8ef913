using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>
/// A lock by flock(2) on a file. It belongs to the open file and not to a process: given to a child, it is held until the
/// child ends, however that comes, and whoever asks for it knows that the child lives.
/// </summary>
internal sealed class FileLock : IDisposable
{
    private FileLock(SafeFileHandle descriptor) => Descriptor = descriptor;

    public SafeFileHandle Descriptor { get; }

    /// <summary>Null when it is held.</summary>
    public static FileLock? TryTake(string path)
    {
        var descriptor = Qemu.Linux.Descriptor.Open(path, LibC.OpenReadWrite | LibC.OpenCreate | LibC.OpenNoFollow);
        if (LibC.FileLock(descriptor, LibC.LockExclusive | LibC.LockNonBlocking) == 0)
        {
            return new FileLock(descriptor);
        }

        var held = Marshal.GetLastPInvokeError() == LibC.ErrorWouldBlock;
        descriptor.Dispose();
        return held ? null : throw new IOException($"'{Path.GetFileName(path)}' cannot be locked: {Qemu.Linux.Descriptor.LastError()}");
    }

    /// <summary>Closes this process's share of it; a child that was given it holds it on.</summary>
    public void Dispose() => Descriptor.Dispose();
}
