using System.Runtime.InteropServices;

namespace Cloud.Switch.Native;

/// <summary>The calls of the C library that .NET does not offer: datagram sockets with their peers' full queues, poll, rights.</summary>
internal static unsafe partial class Libc
{
    public const int AfUnix = 1;
    public const int AfNetlink = 16;
    public const int SockDgram = 2;
    public const int SockRaw = 3;
    public const int SockNonblock = 0x800;
    public const int SockCloexec = 0x80000;
    public const int OpenPath = 0x200000;
    public const int OpenCloexec = 0x80000;
    public const int OpenNoFollow = 0x20000;
    public const int OpenReadWrite = 2;
    public const int OpenWrite = 1;
    public const int OpenCreate = 0x40;
    public const int OpenAppend = 0x400;
    public const int LockExclusive = 2;
    public const int MessageDontWait = 0x40;
    public const int MessageTruncated = 0x20;
    public const int MessageNoSignal = 0x4000;
    public const int EventNonblock = 0x800;
    public const int EventCloexec = 0x80000;
    public const short PollIn = 1;
    public const short PollPriority = 2;
    public const short PollOut = 4;
    public const short PollError = 8;
    public const short PollHangUp = 16;

    public const int ErrorAgain = 11;

    /// <summary>The longest path of a Unix socket, its terminating zero included.</summary>
    private const int SocketPathMax = 108;

    [StructLayout(LayoutKind.Sequential)]
    public struct PollFd
    {
        public int Descriptor;
        public short Events;
        public short Occurred;
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int Socket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    public static partial int Listen(int descriptor, int backlog);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int descriptor, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollFd* descriptors, nuint count, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, void* buffer, nuint length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    public static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    public static partial int NewSession();

    [LibraryImport("libc", EntryPoint = "umask")]
    public static partial uint FileModeMask(uint mask);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    public static partial int ChangeMode(int descriptor, uint mode);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ChangeOwner(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "setgroups", SetLastError = true)]
    public static partial int SetGroups(nuint count, uint* groups);

    [LibraryImport("libc", EntryPoint = "setresgid", SetLastError = true)]
    public static partial int SetGroup(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "setresuid", SetLastError = true)]
    public static partial int SetUser(uint real, uint effective, uint saved);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, byte* result);

    /// <summary>
    /// Makes a datagram socket bound to a new file of this mode, in place of whatever has the name. The mask of file modes is 0.
    /// </summary>
    public static int BindDatagram(string path, uint mode)
    {
        var descriptor = Require(Socket(AfUnix, SockDgram | SockNonblock | SockCloexec, 0), "socket");
        // The mode set on the socket before it is bound is its file's from the first moment on, and no link can be slipped in between.
        Require(ChangeMode(descriptor, mode), "fchmod");
        File.Delete(path);
        var address = stackalloc byte[2 + SocketPathMax];
        var length = WriteAddress(path, address);
        if (Bind(descriptor, address, length) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            _ = Close(descriptor);
            throw new IOException($"bind {path}: {Marshal.GetPInvokeErrorMessage(error)}");
        }

        return descriptor;
    }

    /// <summary>Makes a datagram socket that sends to the socket at the path; the error's number, negative, where that fails.</summary>
    public static int ConnectDatagram(string path)
    {
        var descriptor = Require(Socket(AfUnix, SockDgram | SockNonblock | SockCloexec, 0), "socket");
        var address = stackalloc byte[2 + SocketPathMax];
        var length = WriteAddress(path, address);
        if (Connect(descriptor, address, length) == 0)
        {
            return descriptor;
        }

        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        return -error;
    }

    /// <summary>Who owns what a descriptor stands for, and what it is; false where it can't be told.</summary>
    public static bool TryStat(int descriptor, out uint owner, out uint fileType)
    {
        const int emptyPath = 0x1000;
        const uint basicStats = 0x7ff;
        // struct statx: stx_uid at 20, stx_mode at 28; 256 bytes in all.
        var result = stackalloc byte[256];
        if (StatX(descriptor, "", emptyPath, basicStats, result) != 0)
        {
            (owner, fileType) = (0, 0);
            return false;
        }

        owner = *(uint*)(result + 20);
        fileType = *(ushort*)(result + 28) & 0xf000u;
        return true;
    }

    public static int Require(int result, string call) =>
        result >= 0 ? result : throw new IOException($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    public static partial int Bind(int descriptor, byte* address, uint length);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(int descriptor, byte* address, uint length);

    private static uint WriteAddress(string path, byte* address)
    {
        *(ushort*)address = AfUnix;
        var room = new Span<byte>(address + 2, SocketPathMax);
        room.Clear();
        var count = System.Text.Encoding.UTF8.GetByteCount(path);
        if (count >= SocketPathMax)
        {
            throw new IOException($"The path of the socket is longer than {SocketPathMax - 1} bytes: {path}");
        }

        System.Text.Encoding.UTF8.GetBytes(path, room);
        return (uint)(2 + count + 1);
    }
}
