using System.Runtime.InteropServices;

namespace Cloud.Switch.Native;

/// <summary>libslirp 4.7 (libslirp.h), as much of it as the switch uses. Not safe for threads: the loop alone calls it.</summary>
internal static unsafe partial class Libslirp
{
    public const int PollIn = 1;
    public const int PollOut = 2;
    public const int PollPriority = 4;
    public const int PollError = 8;
    public const int PollHangUp = 16;

    private const string Library = "libslirp.so.0";

    /// <summary><c>SlirpConfig</c> of version 4; addresses in network byte order.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Config
    {
        public uint Version;
        public int Restricted;
        public byte Ipv4Enabled;
        public uint Network;
        public uint NetworkMask;
        public uint Host;
        public byte Ipv6Enabled;
        public fixed byte Ipv6Prefix[16];
        public byte Ipv6PrefixLength;
        public fixed byte Ipv6Host[16];
        public byte* HostName;
        public byte* TftpServerName;
        public byte* TftpPath;
        public byte* BootFile;
        public uint DhcpStart;
        public uint NameServer;
        public fixed byte Ipv6NameServer[16];
        public byte** DnsSearch;
        public byte* DomainName;
        public nuint Mtu;
        public nuint Mru;
        public byte DisableHostLoopback;
        public byte EnableEmulation;
        public void* OutboundAddress;
        public void* OutboundAddress6;
        public byte DisableDns;
        public byte DisableDhcp;
    }

    /// <summary><c>SlirpCb</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Callbacks
    {
        public delegate* unmanaged<byte*, nuint, nint, nint> SendPacket;
        public delegate* unmanaged<byte*, nint, void> GuestError;
        public delegate* unmanaged<nint, long> ClockNanoseconds;
        public delegate* unmanaged<nint, nint, nint, nint> TimerNew;
        public delegate* unmanaged<nint, nint, void> TimerFree;
        public delegate* unmanaged<nint, long, nint, void> TimerModify;
        public delegate* unmanaged<int, nint, void> RegisterPoll;
        public delegate* unmanaged<int, nint, void> UnregisterPoll;
        public delegate* unmanaged<nint, void> Notify;
        public delegate* unmanaged<nint, nint, void> InitCompleted;
        public delegate* unmanaged<int, nint, nint, nint> TimerNewOpaque;
    }

    [LibraryImport(Library, EntryPoint = "slirp_new")]
    public static partial nint New(Config* config, Callbacks* callbacks, nint opaque);

    [LibraryImport(Library, EntryPoint = "slirp_cleanup")]
    public static partial void Cleanup(nint slirp);

    [LibraryImport(Library, EntryPoint = "slirp_pollfds_fill")]
    public static partial void FillPoll(nint slirp, uint* timeoutMilliseconds, delegate* unmanaged<int, int, nint, int> add, nint opaque);

    [LibraryImport(Library, EntryPoint = "slirp_pollfds_poll")]
    public static partial void Poll(nint slirp, int error, delegate* unmanaged<int, nint, int> occurred, nint opaque);

    [LibraryImport(Library, EntryPoint = "slirp_input")]
    public static partial void Input(nint slirp, byte* frame, int length);

    [LibraryImport(Library, EntryPoint = "slirp_add_hostfwd", SetLastError = true)]
    public static partial int AddHostForward(nint slirp, int udp, uint hostAddress, int hostPort, uint guestAddress, int guestPort);

    [LibraryImport(Library, EntryPoint = "slirp_remove_hostfwd")]
    public static partial int RemoveHostForward(nint slirp, int udp, uint hostAddress, int hostPort);

    [LibraryImport(Library, EntryPoint = "slirp_add_unix", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int AddUnix(nint slirp, string path, uint* guestAddress, int guestPort);

    [LibraryImport(Library, EntryPoint = "slirp_remove_guestfwd")]
    public static partial int RemoveGuestForward(nint slirp, uint guestAddress, int guestPort);

    [LibraryImport(Library, EntryPoint = "slirp_version_string")]
    public static partial byte* Version();
}
