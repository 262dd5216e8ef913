using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;
using Cloud.Switch.Native;
using Cloud.Switch.Ports;
using Cloud.Switch.Relays;

namespace Cloud.Switch.Nat;

/// <summary>
/// A guest's way out: an instance of libslirp of its own, so that a guest's connections end with its port and no guest uses up another's.
/// It ends connections to the outside, to the name server, the metadata and the cloud's own servers, and begins those of published ports.
/// </summary>
internal sealed unsafe class Uplink : IDisposable
{
    /// <summary>Sockets that one guest's connections may hold on the host.</summary>
    public const int SocketsMax = 512;

    /// <summary>libslirp's own timers (TIME_WAIT, retransmission) have all run out by then.</summary>
    private const long QuietAfterMilliseconds = 120_000;

    /// <summary>libslirp's clock only moves when it is polled: a socket it makes on an old clock would expire at once.</summary>
    private const long ClockAgeMax = 100;

    /// <summary>libslirp itself listens with a backlog of 1.</summary>
    private const int Backlog = 128;

    private const uint LoopbackAddress = (127u << 24) | 1;

    private static readonly Libslirp.Callbacks* Callbacks = MakeCallbacks();
    private static long clockReadAt;

    private readonly Port _port;
    private readonly PollSet _poll;
    private readonly TimeProvider _time;
    private readonly GCHandle _self;
    private readonly nint _slirp;
    private readonly HashSet<int> _sockets = [];
    private readonly HashSet<int> _listeners = [];
    private readonly List<(int Descriptor, int Number)> _watched = [];

    /// <summary>The services that the guest has asked for, by address: all that libslirp knows of them.</summary>
    private readonly Dictionary<uint, ServiceEntry> _services = [];
    private bool _quiet;
    private long _lastActive;

    public Uplink(Port port, string metadataSocket, PollSet poll, TimeProvider time)
    {
        _port = port;
        _poll = poll;
        _time = time;
        _self = GCHandle.Alloc(this);
        var config = new Libslirp.Config
        {
            Version = 4,
            Ipv4Enabled = 1,
            Network = Swap(NetworkPlan.Subnet),
            NetworkMask = Swap(NetworkPlan.Mask),
            Host = Swap(NetworkPlan.Router),
            DhcpStart = Swap(port.Address),
            NameServer = Swap(NetworkPlan.NameServer),
            Mtu = NetworkPlan.Mtu,
            Mru = NetworkPlan.Mtu,
            DisableHostLoopback = 1,
            DisableDhcp = 1,
        };
        _slirp = Libslirp.New(&config, Callbacks, GCHandle.ToIntPtr(_self));
        if (_slirp == 0)
        {
            _self.Free();
            throw new InvalidOperationException("libslirp refused its configuration.");
        }

        TellAddress();
        var inside = Swap(NetworkPlan.MetadataInside);
        if (Libslirp.AddUnix(_slirp, metadataSocket, &inside, NetworkPlan.MetadataPort) != 0)
        {
            Dispose();
            throw new InvalidOperationException("libslirp refused the metadata's address.");
        }
    }

    public int OpenSockets => _sockets.Count;

    /// <summary>No further connection: it would take a socket too many.</summary>
    public bool IsFull => _sockets.Count >= SocketsMax;

    public static string LibraryVersion => Marshal.PtrToStringUTF8((nint)Libslirp.Version())!;

    /// <summary>Opens a port of 127.0.0.1 whose connections end at the guest's.</summary>
    /// <exception cref="SwitchException">The port is taken.</exception>
    public void Publish(PublishedPort published)
    {
        if (Libslirp.AddHostForward(_slirp, 0, Swap(LoopbackAddress), published.Host, Swap(_port.Address), published.Guest) != 0)
        {
            throw new SwitchException(
                "port-taken", $"Port {published.Host} of 127.0.0.1 can't be opened: {Marshal.GetLastPInvokeErrorMessage()}.");
        }

        Wake();
    }

    /// <summary>Closes it again; connections that it took go on.</summary>
    public void Unpublish(PublishedPort published)
    {
        _ = Libslirp.RemoveHostForward(_slirp, 0, Swap(LoopbackAddress), published.Host);
        _listeners.Clear();
        Wake();
    }

    /// <summary>The guest's connections to this address end at the service from now on. False where libslirp refuses it.</summary>
    public bool Reach(ServiceEntry service)
    {
        if (_services.TryGetValue(service.Address, out var known))
        {
            if (known.Port == service.Port && known.Socket == service.Socket)
            {
                return true;
            }

            _ = Libslirp.RemoveGuestForward(_slirp, Swap(service.Address), known.Port);
            _services.Remove(service.Address);
        }

        var address = Swap(service.Address);
        if (Libslirp.AddUnix(_slirp, service.Socket, &address, service.Port) != 0)
        {
            return false;
        }

        _services.Add(service.Address, service);
        return true;
    }

    /// <summary>
    /// A frame of the guest that goes to the outside, the name server, the metadata, or is of a published port's connection.
    /// </summary>
    public void Input(ReadOnlySpan<byte> frame)
    {
        Wake();
        if (_time.GetTimestamp() - clockReadAt > ClockAgeMax * _time.TimestampFrequency / 1000)
        {
            Libslirp.Poll(_slirp, error: 1, &OnOccurred, GCHandle.ToIntPtr(_self));
        }

        fixed (byte* bytes = frame)
        {
            Libslirp.Input(_slirp, bytes, frame.Length);
        }
    }

    /// <summary>Adds what this round waits for, and lowers the time that it may wait.</summary>
    public void Prepare(ref uint limitMilliseconds, long now)
    {
        if (_sockets.Count > 0)
        {
            _lastActive = now;
        }

        if (_quiet)
        {
            // Nothing but listening sockets, and no timer: what was watched before is watched again without asking libslirp.
            for (var at = 0; at < _watched.Count; at++)
            {
                _watched[at] = (_watched[at].Descriptor, _poll.Add(_watched[at].Descriptor, Libc.PollIn));
            }

            return;
        }

        _watched.Clear();
        var limit = uint.MaxValue;
        Libslirp.FillPoll(_slirp, &limit, &OnAdd, GCHandle.ToIntPtr(_self));
        _quiet = _sockets.Count == 0 && now - _lastActive > QuietAfterMilliseconds;
        if (!_quiet)
        {
            limitMilliseconds = Math.Min(limitMilliseconds, limit);
        }
    }

    /// <summary>Handles what occurred in this round.</summary>
    public void Dispatch(long now)
    {
        if (_quiet)
        {
            foreach (var (_, number) in _watched)
            {
                if (_poll.Occurred(number) != 0)
                {
                    _quiet = false;
                    _lastActive = now;
                }
            }

            if (_quiet)
            {
                return;
            }
        }

        Libslirp.Poll(_slirp, error: 0, &OnOccurred, GCHandle.ToIntPtr(_self));
    }

    public void Dispose()
    {
        Libslirp.Cleanup(_slirp);
        _self.Free();
    }

    private static uint Swap(uint hostOrder) => (uint)IPAddress.HostToNetworkOrder((int)hostOrder);

    private void Wake()
    {
        _quiet = false;
        _lastActive = _time.GetTimestamp() / (_time.TimestampFrequency / 1000);
    }

    /// <summary>libslirp learns from ARP where the guest is. It is told before it asks, and never by the guest.</summary>
    private void TellAddress()
    {
        Span<byte> frame = stackalloc byte[Arp.FrameLength];
        Arp.WriteReply(frame, _port.Mac, _port.Address, NetworkPlan.RouterMac, NetworkPlan.Router);
        fixed (byte* bytes = frame)
        {
            Libslirp.Input(_slirp, bytes, frame.Length);
        }
    }

    /// <summary>A frame of libslirp's for the guest.</summary>
    private void Output(Span<byte> frame)
    {
        if (frame.Length is < Ethernet.HeaderLength or > Ethernet.FrameLengthMax || Ethernet.Type(frame) != Ethernet.TypeIpv4
            || !Ipv4.TryRead(frame, out var packet))
        {
            // An ARP request of its own: it was told already.
            return;
        }

        if (packet.Source == NetworkPlan.MetadataInside && packet.Protocol == Ipv4.Tcp && packet.Payload.Length >= TcpHeader.LengthMin)
        {
            packet.Readdress(source: true, NetworkPlan.Metadata);
        }

        Ethernet.WriteHeader(frame, _port.Mac, NetworkPlan.RouterMac, Ethernet.TypeIpv4);
        _port.Deliver(frame, _time.GetTimestamp() / (_time.TimestampFrequency / 1000));
    }

    private static Uplink From(nint opaque) => Unsafe.As<Uplink>(GCHandle.FromIntPtr(opaque).Target!);

    private static Libslirp.Callbacks* MakeCallbacks()
    {
        // libslirp keeps the pointer: memory that never moves, for the process's life.
        var callbacks = (Libslirp.Callbacks*)NativeMemory.AllocZeroed((nuint)sizeof(Libslirp.Callbacks));
        callbacks->SendPacket = &OnSendPacket;
        callbacks->GuestError = &OnGuestError;
        callbacks->ClockNanoseconds = &OnClock;
        callbacks->TimerNew = &OnTimerNew;
        callbacks->TimerFree = &OnTimerFree;
        callbacks->TimerModify = &OnTimerModify;
        callbacks->RegisterPoll = &OnRegister;
        callbacks->UnregisterPoll = &OnUnregister;
        callbacks->Notify = &OnNotify;
        return callbacks;
    }

    [UnmanagedCallersOnly]
    private static nint OnSendPacket(byte* bytes, nuint length, nint opaque)
    {
        From(opaque).Output(new Span<byte>(bytes, (int)length));
        return (nint)length;
    }

    [UnmanagedCallersOnly]
    private static void OnGuestError(byte* message, nint opaque) => From(opaque)._port.CountRefused();

    [UnmanagedCallersOnly]
    private static long OnClock(nint opaque)
    {
        var time = From(opaque)._time;
        clockReadAt = time.GetTimestamp();
        return (long)time.GetElapsedTime(0, clockReadAt).TotalNanoseconds;
    }

    // Timers are for IPv6 router advertisements alone, which are off.
    [UnmanagedCallersOnly]
    private static nint OnTimerNew(nint callback, nint callbackOpaque, nint opaque) => 0;

    [UnmanagedCallersOnly]
    private static void OnTimerFree(nint timer, nint opaque)
    {
    }

    [UnmanagedCallersOnly]
    private static void OnTimerModify(nint timer, long expires, nint opaque)
    {
    }

    [UnmanagedCallersOnly]
    private static void OnRegister(int descriptor, nint opaque)
    {
        if (descriptor >= 0)
        {
            From(opaque)._sockets.Add(descriptor);
        }
    }

    [UnmanagedCallersOnly]
    private static void OnUnregister(int descriptor, nint opaque) => From(opaque)._sockets.Remove(descriptor);

    [UnmanagedCallersOnly]
    private static void OnNotify(nint opaque)
    {
        // The loop prepares a new round after every frame and command anyway.
    }

    [UnmanagedCallersOnly]
    private static int OnAdd(int descriptor, int events, nint opaque)
    {
        var uplink = From(opaque);
        if (!uplink._sockets.Contains(descriptor) && uplink._listeners.Add(descriptor))
        {
            _ = Libc.Listen(descriptor, Backlog);
        }

        var wanted = ((events & Libslirp.PollIn) != 0 ? Libc.PollIn : 0) | ((events & Libslirp.PollOut) != 0 ? Libc.PollOut : 0)
            | ((events & Libslirp.PollPriority) != 0 ? Libc.PollPriority : 0);
        var number = uplink._poll.Add(descriptor, (short)wanted);
        uplink._watched.Add((descriptor, number));
        return number;
    }

    [UnmanagedCallersOnly]
    private static int OnOccurred(int number, nint opaque)
    {
        var occurred = From(opaque)._poll.Occurred(number);
        return ((occurred & Libc.PollIn) != 0 ? Libslirp.PollIn : 0) | ((occurred & Libc.PollOut) != 0 ? Libslirp.PollOut : 0)
            | ((occurred & Libc.PollPriority) != 0 ? Libslirp.PollPriority : 0)
            | ((occurred & Libc.PollError) != 0 ? Libslirp.PollError : 0)
            | ((occurred & Libc.PollHangUp) != 0 ? Libslirp.PollHangUp : 0);
    }
}
