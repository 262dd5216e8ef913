using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Reads from a Unix socket with the open file that may come along (SCM_RIGHTS, unix(7)), which .NET has no door to.</summary>
internal static unsafe partial class ControlMessage
{
    private const int CloseOnExec = 0x40000000;
    private const int SocketLevel = 1;
    private const int Rights = 1;
    private const int HeaderSize = 16;
    private const int RoomBytes = 256;
    private const int Interrupted = 4;
    private const int TryAgain = 11;

    /// <summary>Reads what is there; 0 at the end, and null where there was nothing after all.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="buffer">What is filled.</param>
    /// <param name="files">Gets each file that came along.</param>
    /// <exception cref="SocketException">The connection is gone.</exception>
    internal static int? Receive(Socket socket, Span<byte> buffer, Action<SafeFileHandle> files)
    {
        byte* control = stackalloc byte[RoomBytes];
        fixed (byte* bytes = buffer)
        {
            var vector = new Vector { Base = bytes, Length = (nuint)buffer.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = RoomBytes };
            nint read = ReceiveMessage(socket.SafeHandle, &message, CloseOnExec);
            if (read < 0)
            {
                return Marshal.GetLastPInvokeError() is TryAgain or Interrupted
                    ? null
                    : throw new SocketException(Marshal.GetLastPInvokeError());
            }

            Take(control, (int)message.ControlLength, files);
            return (int)read;
        }
    }

    private static void Take(byte* control, int length, Action<SafeFileHandle> files)
    {
        for (int at = 0; at + HeaderSize <= length;)
        {
            int size = (int)*(nuint*)(control + at);
            if (size < HeaderSize)
            {
                return;
            }

            if (*(int*)(control + at + 8) == SocketLevel && *(int*)(control + at + 12) == Rights)
            {
                for (int file = at + HeaderSize; file + sizeof(int) <= at + size && file + sizeof(int) <= length; file += sizeof(int))
                {
                    files(new SafeFileHandle(*(int*)(control + file), ownsHandle: true));
                }
            }

            at += (size + 7) & ~7;
        }
    }

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Vector
    {
        internal byte* Base;
        internal nuint Length;
    }

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Message
    {
        internal void* Name;
        internal uint NameLength;
        internal Vector* Vectors;
        internal nuint VectorCount;
        internal void* Control;
        internal nuint ControlLength;
        internal int Flags;
    }

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint ReceiveMessage(SafeHandle socket, Message* message, int flags);
}
