using System.Runtime.InteropServices;
using Cloud.Switch.Client;
using Cloud.Switch.Native;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A guest's end of its port's pair of sockets, as QEMU's <c>-netdev dgram</c> has it.</summary>
internal sealed unsafe class GuestWire : IDisposable
{
    private const uint SocketMode = 0x1b6;

    private readonly string _switchSocket;
    private readonly string _path;
    private int _sender = -1;

    public GuestWire(SwitchFolder folder, SwitchPort port)
    {
        _switchSocket = folder.SwitchSocket(port.Id);
        _path = port.GuestSocket;
        Receiver = Libc.BindDatagram(_path, SocketMode);
        // The driver settles who may send here; in the tests everybody may.
        File.SetUnixFileMode(_path, (UnixFileMode)SocketMode);
    }

    public int Receiver { get; }

    /// <summary>Sends a frame; false where the switch is not there. Waits for room, as QEMU does.</summary>
    public bool Send(ReadOnlySpan<byte> frame)
    {
        for (var again = false; ; again = true)
        {
            if (_sender < 0 && (_sender = Libc.ConnectDatagram(_switchSocket)) < 0)
            {
                return false;
            }

            fixed (byte* bytes = frame)
            {
                while (Libc.Send(_sender, bytes, (nuint)frame.Length, Libc.MessageDontWait) < 0)
                {
                    if (Marshal.GetLastPInvokeError() != Libc.ErrorAgain)
                    {
                        _ = Libc.Close(_sender);
                        _sender = -1;
                        break;
                    }

                    var room = new Libc.PollFd { Descriptor = _sender, Events = Libc.PollOut };
                    _ = Libc.Poll(&room, 1, -1);
                }
            }

            if (_sender >= 0 || again)
            {
                return _sender >= 0;
            }
        }
    }

    /// <summary>The next frame; null where none came in time.</summary>
    public byte[]? Receive(int limitMilliseconds)
    {
        var one = new Libc.PollFd { Descriptor = Receiver, Events = Libc.PollIn };
        if (Libc.Poll(&one, 1, limitMilliseconds) <= 0)
        {
            return null;
        }

        var buffer = stackalloc byte[65536];
        var length = Libc.Receive(Receiver, buffer, 65536, Libc.MessageDontWait);
        return length < 0 ? null : new Span<byte>(buffer, (int)length).ToArray();
    }

    /// <summary>Its process is as good as gone: nobody finds it any more. A thread may be reading it still.</summary>
    public void Cut()
    {
        if (File.Exists(_path))
        {
            File.Delete(_path);
        }
    }

    public void Dispose()
    {
        _ = Libc.Close(Receiver);
        if (_sender >= 0)
        {
            _ = Libc.Close(_sender);
        }

        Cut();
    }
}
