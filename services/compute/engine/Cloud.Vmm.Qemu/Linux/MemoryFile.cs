using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>A file that is memory (memfd_create(2)): it has no name on any disk, and anybody who is given it may open it anew.</summary>
internal static class MemoryFile
{
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int SealSeals = 1;
    private const int SealShrink = 2;
    private const int SealGrow = 4;
    private const int SealWrite = 8;

    public static SafeFileHandle Create(string name) => Create(name, CloseOnExec);

    /// <summary>One of a size, that <see cref="Seal"/> can make unchangeable.</summary>
    public static SafeFileHandle Create(string name, long sizeBytes)
    {
        var file = Create(name, CloseOnExec | AllowSealing);
        RandomAccess.SetLength(file, sizeBytes);
        return file;
    }

    /// <summary>
    /// From here on nobody can change it, whatever right they opened it with: who maps it privately copies what they write, and what they
    /// give back to the host takes nothing from the others.
    /// </summary>
    /// <exception cref="IOException">Somebody still has it mapped to write.</exception>
    public static void Seal(SafeFileHandle file)
    {
        if (LibC.FileControl(file, AddSeals, SealSeals | SealShrink | SealGrow | SealWrite) != 0)
        {
            throw new IOException($"A file in memory cannot be sealed: {Descriptor.LastError()}");
        }
    }

    /// <summary>The same file to read from its start: a descriptor that is only copied shares its place with the other.</summary>
    public static SafeFileHandle OpenAgain(SafeFileHandle file) => Descriptor.Open(
        string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{file.DangerousGetHandle()}"), LibC.OpenReadOnly);

    private static SafeFileHandle Create(string name, uint flags)
    {
        var descriptor = LibC.MemoryFile(name, flags);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw new IOException($"A file in memory cannot be made: {Descriptor.LastError()}");
    }
}
