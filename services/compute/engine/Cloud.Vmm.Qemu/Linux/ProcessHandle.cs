using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>A process by its pidfd (Linux 5.3): never another that got the same number later.</summary>
internal sealed class ProcessHandle : IDisposable
{
    private const long PidfdSendSignal = 424;
    private const long PidfdOpen = 434;
    private const ulong GetInfo = 0xc040ff0b;
    private const ulong InfoExit = 1 << 3;
    private const int IdTypePidfd = 3;
    private const int WaitNoHang = 1;
    private const int WaitExited = 4;
    private const int CodeExited = 1;

    private ProcessHandle(int id, SafeFileHandle descriptor)
    {
        Id = id;
        Descriptor = descriptor;
    }

    public int Id { get; }

    /// <summary>Readable once the process has ended.</summary>
    public SafeFileHandle Descriptor { get; }

    /// <summary>Null when there is no process of that number.</summary>
    public static ProcessHandle? TryOpen(int id)
    {
        var descriptor = (int)LibC.SystemCall(PidfdOpen, id, 0, 0, 0);
        if (descriptor >= 0)
        {
            return new ProcessHandle(id, new SafeFileHandle(descriptor, ownsHandle: true));
        }

        return Marshal.GetLastPInvokeError() == LibC.ErrorNoSuchProcess
            ? null
            : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Sends a signal; does nothing to a process that has ended.</summary>
    public void Signal(int signal)
    {
        var result = LibC.SystemCall(PidfdSendSignal, (int)Descriptor.DangerousGetHandle(), signal, 0, 0);
        GC.KeepAlive(Descriptor);
        if (result != 0 && Marshal.GetLastPInvokeError() != LibC.ErrorNoSuchProcess)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Takes the exit status of a process that has ended, so that no zombie is left.</summary>
    public unsafe ProcessExit Reap()
    {
        LibC.SignalInfo info = default;
        int result;
        do
        {
            result = LibC.WaitId(IdTypePidfd, (int)Descriptor.DangerousGetHandle(), &info, WaitExited | WaitNoHang);
        }
        while (result != 0 && Marshal.GetLastPInvokeError() == LibC.ErrorInterrupted);

        GC.KeepAlive(Descriptor);
        if (result != 0 || info.ProcessId == 0)
        {
            return default;
        }

        return info.Code == CodeExited ? new ProcessExit(info.Status, null) : new ProcessExit(null, info.Status);
    }

    /// <summary>
    /// How a process ended that was another's child: the kernel tells so once its parent has waited for it, from Linux 6.15 on
    /// (PIDFD_INFO_EXIT). On an older one it stays unknown.
    /// </summary>
    public unsafe ProcessExit ReadExit()
    {
        LibC.PidfdInfo info = new() { Mask = InfoExit };
        if (LibC.Control(Descriptor, GetInfo, &info) != 0 || (info.Mask & InfoExit) == 0)
        {
            return default;
        }

        // As wait(2) packs it: the signal in the low seven bits, the code above them.
        var signal = info.ExitStatus & 0x7f;
        return signal == 0 ? new ProcessExit((info.ExitStatus >> 8) & 0xff, null) : new ProcessExit(null, signal);
    }

    public void Dispose() => Descriptor.Dispose();
}
