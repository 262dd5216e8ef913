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

    private readonly string _path;
    private readonly string _guestPath;
    private readonly DatagramSender _guest;
    private readonly bool _folderIsNew;

    /// <param name="owner">The user who owns a guest's socket once it may be used; null where that is not told apart.</param>
    /// <exception cref="IOException">The socket could not be bound.</exception>
    public PortSockets(string path, string guestPath, uint? owner)
    {
        _path = path;
        _guestPath = guestPath;
        _guest = new DatagramSender(guestPath, owner);
        var folder = Path.GetDirectoryName(path)!;
        _folderIsNew = !Directory.Exists(folder);
        var own = Directory.CreateDirectory(folder);
        File.SetUnixFileMode(own.FullName, FolderMode);
        Receiver = Libc.BindDatagram(path, SocketMode);
    }

    public int Receiver { get; }

    public int Sender => _guest.Descriptor;

    public bool Connected => _guest.Connected;

    /// <summary>Reads a frame; 0 where there is none. A longer one than the buffer counts as its whole length.</summary>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            var length = Libc.Receive(Receiver, bytes, (nuint)buffer.Length, Libc.MessageDontWait | Libc.MessageTruncated);
            return length < 0 ? 0 : (int)length;
        }
    }

    public SendResult Send(ReadOnlySpan<byte> frame, long now) => _guest.Send(frame, now);

    /// <summary>Looks for the guest's socket; unless <paramref name="atOnce"/> not where that was done a moment ago.</summary>
    public bool TryConnect(long now, bool atOnce = false) => _guest.TryConnect(now, atOnce);

    /// <summary>
    /// Lets go of both ends. The port's folder stays: a guest that goes on has it open, and finds a switch that is started again in it.
    /// </summary>
    public void Dispose()
    {
        _guest.Dispose();
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
        if (!Directory.Exists(folder))
        {
            // The host agent has removed it with what was left of a guest that went away.
            return;
        }

        File.Delete(_path);
        File.Delete(_guestPath);
        if (!Directory.EnumerateFileSystemEntries(folder).Any())
        {
            Directory.Delete(folder);
        }
    }
}
