using System.Runtime.InteropServices;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// Memory for generated code, mapped twice: to write it here and to run it there, below 2 GiB, so that no page is ever both.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int Shared = 1;
    private const int Low = 0x40;
    private const uint CloseOnExec = 1;

    private readonly nuint _size;

    /// <exception cref="InvalidOperationException">The host does not allow it.</exception>
    internal ExecutableMemory(int size)
    {
        _size = (nuint)size;
        int descriptor = CreateMemory("cloud-vmm-code", CloseOnExec);
        if (descriptor < 0 || Truncate(descriptor, size) != 0)
        {
            throw new InvalidOperationException($"No memory for code can be made (errno {Marshal.GetLastPInvokeError()}).");
        }

        nint writable = Map(0, _size, Read | Write, Shared, descriptor, 0);
        nint executable = Map(0, _size, Read | Execute, Shared | Low, descriptor, 0);
        _ = Close(descriptor);
        if (writable == -1 || executable == -1)
        {
            throw new InvalidOperationException($"Memory for code cannot be mapped (errno {Marshal.GetLastPInvokeError()}).");
        }

        Writable = (byte*)writable;
        Executable = (byte*)executable;
        Size = size;
    }

    internal byte* Writable { get; }

    internal byte* Executable { get; }

    internal int Size { get; }

    public void Dispose()
    {
        _ = Unmap((nint)Writable, _size);
        _ = Unmap((nint)Executable, _size);
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemory(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Truncate(int descriptor, long size);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
