using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>A file that is memory (memfd_create(2)): it has no name on any disk, and anybody who is given it may open it anew.</summary>
internal static class MemoryFile
{
    private const uint CloseOnExec = 1;

    public static SafeFileHandle Create(string name)
    {
        var descriptor = LibC.MemoryFile(name, CloseOnExec);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"A file in memory cannot be made: {Descriptor.LastError()}");
    }
}
