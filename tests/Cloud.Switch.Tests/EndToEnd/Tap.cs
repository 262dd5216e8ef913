using System.Runtime.InteropServices;
using System.Text;
using Cloud.Switch.Native;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A tap, and a thread that moves frames between it and a guest's wire.</summary>
internal sealed unsafe partial class Tap : IDisposable
{
    private const int SetInterface = 0x400454ca;

    /// <summary>IFF_TAP, IFF_NO_PI.</summary>
    private const short Flags = 0x1002;

    private const int WireLookMilliseconds = 20;

    private volatile GuestWire _wire;
    private readonly int _tap;
    private readonly int _stop = Libc.Require(Libc.EventFd(0, 0), "eventfd");
    private readonly Thread _thread;

    public Tap(string name, GuestWire wire)
    {
        _wire = wire;
        _tap = Open(name);
        _thread = new Thread(Move);
        _thread.Start();
    }

    /// <summary>Puts it on another wire; the one before is cut.</summary>
    public void Replug(GuestWire wire)
    {
        var before = _wire;
        _wire = wire;
        before.Cut();
    }

    public void Dispose()
    {
        var one = 1ul;
        _ = Libc.Write(_stop, &one, sizeof(ulong));
        _thread.Join();
        _wire.Dispose();
        _ = Libc.Close(_tap);
        _ = Libc.Close(_stop);
    }

    private void Move()
    {
        var descriptors = stackalloc Libc.PollFd[3];
        descriptors[0] = new Libc.PollFd { Descriptor = _tap, Events = Libc.PollIn };
        descriptors[2] = new Libc.PollFd { Descriptor = _stop, Events = Libc.PollIn };
        var buffer = stackalloc byte[65536];
        while (true)
        {
            var wire = _wire;
            descriptors[1] = new Libc.PollFd { Descriptor = wire.Receiver, Events = Libc.PollIn };
            _ = Libc.Poll(descriptors, 3, WireLookMilliseconds);
            if (descriptors[2].Occurred != 0)
            {
                return;
            }

            if (descriptors[0].Occurred != 0 && Libc.Read(_tap, buffer, 65536) is > 0 and var sent)
            {
                wire.Send(new Span<byte>(buffer, (int)sent));
            }

            if (descriptors[1].Occurred != 0 && Libc.Receive(wire.Receiver, buffer, 65536, Libc.MessageDontWait) is > 0 and var received)
            {
                _ = Libc.Write(_tap, buffer, (nuint)received);
            }
        }
    }

    private static int Open(string name)
    {
        var tap = Libc.Require(Libc.Open("/dev/net/tun", Libc.OpenReadWrite | Libc.OpenCloexec, 0), "open /dev/net/tun");
        // struct ifreq: name, flags.
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, 15));
        *(short*)(request + 16) = Flags;
        Libc.Require(Control(tap, SetInterface, request), "TUNSETIFF");
        return tap;
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, void* argument);
}
