using System.Runtime.InteropServices;
using Cloud.Switch.Native;

namespace Cloud.Switch.Ports;

/// <summary>Sends to a datagram socket by its path. Whoever binds it may be gone and come back: it is looked up anew.</summary>
/// <param name="path">Relative to the switch's folder.</param>
/// <param name="owner">The user who owns the socket once it may be used; null where that is not told apart.</param>
internal sealed unsafe class DatagramSender(string path, uint? owner) : IDisposable
{
    private const uint FileTypeSocket = 0xc000;
    private const int ConnectAgainMilliseconds = 100;

    private long _connectAgainAt;

    /// <summary>Negative while there is nobody.</summary>
    public int Descriptor { get; private set; } = -1;

    public bool Connected => Descriptor >= 0;

    public SendResult Send(ReadOnlySpan<byte> datagram, long now)
    {
        if (!Connected && !TryConnect(now))
        {
            return SendResult.NobodyThere;
        }

        for (var again = false; ; again = true)
        {
            fixed (byte* bytes = datagram)
            {
                if (Libc.Send(Descriptor, bytes, (nuint)datagram.Length, Libc.MessageDontWait | Libc.MessageNoSignal) >= 0)
                {
                    return SendResult.Sent;
                }
            }

            if (Marshal.GetLastPInvokeError() == Libc.ErrorAgain)
            {
                return SendResult.Full;
            }

            // The process that bound it is gone; another may have bound it since.
            Dispose();
            if (again || !TryConnect(now, atOnce: true))
            {
                return SendResult.NobodyThere;
            }
        }
    }

    /// <summary>Looks for the socket; unless <paramref name="atOnce"/> not where that was done a moment ago.</summary>
    public bool TryConnect(long now, bool atOnce = false)
    {
        if (Connected)
        {
            return true;
        }

        if (now < _connectAgainAt && !atOnce)
        {
            return false;
        }

        _connectAgainAt = now + ConnectAgainMilliseconds;
        // A guest's process may have made the file: what stands under the name may be a link to another guest's socket. So the
        // file itself is opened, looked at, and then connected to by its descriptor.
        var file = Libc.Open(path, Libc.OpenPath | Libc.OpenNoFollow | Libc.OpenCloexec, 0);
        if (file < 0)
        {
            return false;
        }

        try
        {
            if (!Libc.TryStat(file, out var actual, out var fileType) || fileType != FileTypeSocket
                || (owner is { } expected && actual != expected))
            {
                return false;
            }

            var sender = Libc.ConnectDatagram($"/proc/self/fd/{file}");
            if (sender < 0)
            {
                return false;
            }

            Descriptor = sender;
            return true;
        }
        finally
        {
            _ = Libc.Close(file);
        }
    }

    public void Dispose()
    {
        if (Connected)
        {
            _ = Libc.Close(Descriptor);
            Descriptor = -1;
        }
    }
}

internal enum SendResult
{
    Sent,

    /// <summary>The socket has no room now.</summary>
    Full,

    /// <summary>No process holds the socket.</summary>
    NobodyThere,
}
