using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>
/// Starts a program in a session of its own with exactly the descriptors given, by posix_spawn(3). .NET's own Process can do neither:
/// its children share the session and the pipes of their parent, and die of them when it does.
/// </summary>
internal static class ChildProcess
{
    private const short SetSignalMask = 0x08;
    private const short SetSignalDefaults = 0x04;
    private const short SetSession = 0x80;

    // Descriptors are moved up here first, so that none is overwritten by another that takes its number.
    private const int MovedMin = 4096;
    private const int DescriptorsMax = 2048;

    // glibc's posix_spawnattr_t is 336 bytes, posix_spawn_file_actions_t 80, sigset_t 128.
    private const int OpaqueBytes = 512;

    /// <summary>Starts a program; the caller reaps it.</summary>
    /// <param name="command">The program's absolute path and its arguments.</param>
    /// <param name="environment">All of its environment, <c>NAME=value</c>.</param>
    /// <param name="folder">Where it starts.</param>
    /// <param name="descriptors">What it gets as 0, 1, 2 and so on; nothing else is open in it.</param>
    /// <returns>The process's number.</returns>
    /// <exception cref="Win32Exception">The program could not be started.</exception>
    public static unsafe int Start(
        IReadOnlyList<string> command, IReadOnlyList<string> environment, string folder, IReadOnlyList<SafeFileHandle> descriptors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(descriptors.Count, DescriptorsMax);
        var actions = stackalloc byte[OpaqueBytes];
        var attributes = stackalloc byte[OpaqueBytes];
        var signals = stackalloc byte[OpaqueBytes];
        var moved = new List<SafeFileHandle>(descriptors.Count);
        Check(LibC.SpawnActionsInit(actions));
        Check(LibC.SpawnAttributesInit(attributes));
        try
        {
            for (var number = 0; number < descriptors.Count; number++)
            {
                moved.Add(MoveUp(descriptors[number]));
                Check(LibC.SpawnActionsDuplicate(actions, (int)moved[number].DangerousGetHandle(), number));
            }

            Check(LibC.SpawnActionsCloseFrom(actions, descriptors.Count));
            Check(LibC.SpawnActionsChangeDirectory(actions, folder));

            // The runtime ignores SIGPIPE and blocks what it likes; the program starts as from a shell.
            new Span<byte>(signals, OpaqueBytes).Clear();
            Check(LibC.SpawnAttributesSignalMask(attributes, signals));
            new Span<byte>(signals, OpaqueBytes).Fill(0xff);
            Check(LibC.SpawnAttributesSignalDefaults(attributes, signals));
            Check(LibC.SpawnAttributesFlags(attributes, SetSession | SetSignalMask | SetSignalDefaults));
            return Spawn(command, environment, actions, attributes);
        }
        finally
        {
            _ = LibC.SpawnActionsDestroy(actions);
            _ = LibC.SpawnAttributesDestroy(attributes);
            moved.ForEach(descriptor => descriptor.Dispose());
        }
    }

    private static unsafe int Spawn(IReadOnlyList<string> command, IReadOnlyList<string> environment, void* actions, void* attributes)
    {
        var arguments = ToNative(command);
        var variables = ToNative(environment);
        try
        {
            fixed (nint* first = arguments, firstVariable = variables)
            {
                Check(LibC.Spawn(out var processId, command[0], actions, attributes, (byte**)first, (byte**)firstVariable));
                return processId;
            }
        }
        finally
        {
            Array.ForEach(arguments, Marshal.FreeCoTaskMem);
            Array.ForEach(variables, Marshal.FreeCoTaskMem);
        }
    }

    private static SafeFileHandle MoveUp(SafeFileHandle descriptor)
    {
        var copy = LibC.FileControl(descriptor, LibC.DuplicateCloseOnExec, MovedMin);
        return copy >= 0 ? new SafeFileHandle(copy, ownsHandle: true) : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Zero-terminated strings, and a null after the last of them.</summary>
    private static nint[] ToNative(IReadOnlyList<string> texts)
    {
        var native = new nint[texts.Count + 1];
        for (var i = 0; i < texts.Count; i++)
        {
            if (texts[i].Contains('\0', StringComparison.Ordinal))
            {
                throw new ArgumentException("An argument holds a zero character.", nameof(texts));
            }

            native[i] = Marshal.StringToCoTaskMemUTF8(texts[i]);
        }

        return native;
    }

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new Win32Exception(error);
        }
    }
}
