using System.Runtime.InteropServices;
using Cloud.Switch.Native;

namespace Cloud.Switch.Ports;

/// <summary>
/// The switch's ends of a port's pair of sockets. One is bound at the port's path, for the guest's frames; the other is connected to the
/// guest's, so that poll tells when that has room again. The guest's process may be gone and come back: its socket is looked up anew.
/// </summary>
internal sealed unsafe class PortSockets : IDisposable
{
    /// <summary>
    /// Anybody may send who gets there: the folder above lets nobody through, and the port's own is handed to its guest's process alone.
    /// </summary>
    private const uint SocketMode = 0x1ff;

    /// <summary>The guest's process makes its socket in there, and cannot take away the switch's.</summary>
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute
        | UnixFileMode.StickyBit;

    private const uint FileTypeSocket = 0xc000;
    private const int ConnectAgainMilliseconds = 100;

    private readonly string _path;
    private readonly string _guestPath;
    private readonly uint? _owner;
    private readonly bool _folderIsNew;
    private int _sender = -1;
    private long _connectAgainAt;

    /// <param name="owner">The user who owns a guest's socket once it may be used; null where that is not told apart.</param>
    /// <exception cref="IOException">The socket could not be bound.</exception>
    public PortSockets(string path, string guestPath, uint? owner)
    {
        _path = path;
        _guestPath = guestPath;
        _owner = owner;
        var folder = Path.GetDirectoryName(path)!;
        _folderIsNew = !Directory.Exists(folder);
        var own = Directory.CreateDirectory(folder);
        File.SetUnixFileMode(own.FullName, FolderMode);
        Receiver = Libc.BindDatagram(path, SocketMode);
    }

    public int Receiver { get; }

    public int Sender => _sender;

    public bool Connected => _sender >= 0;

    /// <summary>Reads a frame; 0 where there is none. A longer one than the buffer counts as its whole length.</summary>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            var length = Libc.Receive(Receiver, bytes, (nuint)buffer.Length, Libc.MessageDontWait | Libc.MessageTruncated);
            return length < 0 ? 0 : (int)length;
        }
    }

    public SendResult Send(ReadOnlySpan<byte> frame, long now)
    {
        if (_sender < 0 && !TryConnect(now))
        {
            return SendResult.NobodyThere;
        }

        for (var again = false; ; again = true)
        {
            fixed (byte* bytes = frame)
            {
                if (Libc.Send(_sender, bytes, (nuint)frame.Length, Libc.MessageDontWait | Libc.MessageNoSignal) >= 0)
                {
                    return SendResult.Sent;
                }
            }

            if (Marshal.GetLastPInvokeError() == Libc.ErrorAgain)
            {
                return SendResult.Full;
            }

            // The process that bound the guest's end is gone; another may have bound it since.
            Disconnect();
            if (again || !TryConnect(now, atOnce: true))
            {
                return SendResult.NobodyThere;
            }
        }
    }

    /// <summary>Looks for the guest's socket; unless <paramref name="atOnce"/> not where that was done a moment ago.</summary>
    public bool TryConnect(long now, bool atOnce = false)
    {
        if (_sender >= 0)
        {
            return true;
        }

        if (now < _connectAgainAt && !atOnce)
        {
            return false;
        }

        _connectAgainAt = now + ConnectAgainMilliseconds;
        // The guest's process made the file: what stands under the name may be a link to another guest's socket. So the
        // file itself is opened, looked at, and then connected to by its descriptor.
        var file = Libc.Open(_guestPath, Libc.OpenPath | Libc.OpenNoFollow | Libc.OpenCloexec, 0);
        if (file < 0)
        {
            return false;
        }

        try
        {
            if (!Libc.TryStat(file, out var owner, out var fileType) || fileType != FileTypeSocket
                || (_owner is { } expected && owner != expected))
            {
                return false;
            }

            var sender = Libc.ConnectDatagram($"/proc/self/fd/{file}");
            if (sender < 0)
            {
                return false;
            }

            _sender = sender;
            return true;
        }
        finally
        {
            _ = Libc.Close(file);
        }
    }

    /// <summary>
    /// Lets go of both ends. The port's folder stays: a guest that goes on has it open, and finds a switch that is started again in it.
    /// </summary>
    public void Dispose()
    {
        Disconnect();
        _ = Libc.Close(Receiver);
    }

    /// <summary>Removes what a port that did not come about has made. A folder that was there already is a guest's that goes on.</summary>
    public void RemoveIfNew()
    {
        if (_folderIsNew)
        {
            Remove();
        }
    }

    /// <summary>
    /// Removes both ends and the folder. What else the guest's process left in there is the host agent's to remove: it may be closed to us.
    /// </summary>
    public void Remove()
    {
        var folder = Path.GetDirectoryName(_path)!;
        File.Delete(_path);
        File.Delete(_guestPath);
        if (!Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }

    private void Disconnect()
    {
        if (_sender >= 0)
        {
            _ = Libc.Close(_sender);
            _sender = -1;
        }
    }
}

internal enum SendResult
{
    Sent,

    /// <summary>The guest's socket has no room now.</summary>
    Full,

    /// <summary>No process holds the guest's socket.</summary>
    NobodyThere,
}
