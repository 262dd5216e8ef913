using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>Hands an open file to the process at the other end of a Unix socket: unix(7), SCM_RIGHTS.</summary>
internal static partial class SocketDescriptor
{
    private const int LevelSocket = 1;
    private const int Rights = 1;
    private const int NoSignal = 0x4000;
    private static readonly TimeSpan FullPause = TimeSpan.FromMilliseconds(5);

    /// <summary>Sends one byte with the file.</summary>
    /// <exception cref="IOException">The other end is gone.</exception>
    public static async Task SendAsync(Socket socket, SafeFileHandle file, byte with, TimeProvider time, CancellationToken ct)
    {
        while (TrySend(socket.SafeHandle, file, with) is { } error)
        {
            if (error is not (LibC.ErrorWouldBlock or LibC.ErrorInterrupted))
            {
                throw new IOException(Marshal.GetPInvokeErrorMessage(error));
            }

            await Task.Delay(FullPause, time, ct);
        }
    }

    /// <summary>Null where it was sent, else the error's number.</summary>
    private static unsafe int? TrySend(SafeSocketHandle socket, SafeFileHandle file, byte with)
    {
        var referenced = false;
        try
        {
            file.DangerousAddRef(ref referenced);
            var control = new ControlMessage
            {
                Length = ControlMessage.UsedBytes,
                Level = LevelSocket,
                Type = Rights,
                Descriptor = (int)file.DangerousGetHandle(),
            };
            var part = new Part { Bytes = (nint)(&with), Length = 1 };
            var message = new Message
            {
                Parts = (nint)(&part),
                PartCount = 1,
                Control = (nint)(&control),
                ControlLength = (nuint)sizeof(ControlMessage),
            };
            return SendMessage(socket, &message, NoSignal) == 1 ? null : Marshal.GetLastPInvokeError();
        }
        finally
        {
            if (referenced)
            {
                file.DangerousRelease();
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg", SetLastError = true)]
    private static unsafe partial nint SendMessage(SafeSocketHandle socket, Message* message, int flags);

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        public nint Name;
        public uint NameLength;
        public nint Parts;
        public nuint PartCount;
        public nint Control;
        public nuint ControlLength;
        public int Flags;
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Part
    {
        public nint Bytes;
        public nuint Length;
    }

    /// <summary>struct cmsghdr and one descriptor after it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ControlMessage
    {
        public const int UsedBytes = 20;

        public nuint Length;
        public int Level;
        public int Type;
        public int Descriptor;
        public int Padding;
    }
}
