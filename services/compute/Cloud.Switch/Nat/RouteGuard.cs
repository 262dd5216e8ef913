using System.Buffers.Binary;
using Cloud.Switch.Native;

namespace Cloud.Switch.Nat;

/// <summary>
/// Says where guests' packets may go: to what the host itself would send out of an interface, and never to the host. The kernel's
/// routing table is asked (rtnetlink(7)), so that every address of every interface, broadcast and local route counts from the moment it is
/// set.
/// </summary>
internal sealed unsafe class RouteGuard : IDisposable
{
    private const int AnswersMax = 4096;
    private const ushort GetRoute = 26;
    private const ushort NewRoute = 24;
    private const ushort IsRequest = 1;
    private const ushort RouteDestination = 1;
    private const byte TypeUnicast = 1;
    private const byte FamilyIpv4 = 2;

    /// <summary>Links, addresses and routes: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE.</summary>
    private const uint ChangeGroups = 0x1 | 0x10 | 0x40;

    private const int HeaderLength = 16;
    private const int RequestLength = HeaderLength + 12 + 8;

    private readonly Dictionary<uint, bool> _answers = [];
    private readonly int _questions = Open(0);

    /// <summary>Readable when routes or addresses changed.</summary>
    public int Changes { get; } = Open(ChangeGroups);

    /// <param name="address">In the host's byte order.</param>
    public bool Allows(uint address)
    {
        if (IsNever(address))
        {
            return false;
        }

        if (!_answers.TryGetValue(address, out var allowed))
        {
            if (_answers.Count >= AnswersMax)
            {
                _answers.Clear();
            }

            allowed = IsOutside(address);
            _answers[address] = allowed;
        }

        return allowed;
    }

    /// <summary>Routes or addresses changed: all is asked anew.</summary>
    public void Forget()
    {
        var buffer = stackalloc byte[8192];
        while (Libc.Receive(Changes, buffer, 8192, Libc.MessageDontWait) > 0)
        {
        }

        _answers.Clear();
    }

    public void Dispose()
    {
        _ = Libc.Close(_questions);
        _ = Libc.Close(Changes);
    }

    /// <summary>
    /// Whatever a routing table says: this network, loopback, link-local, the guests' own subnet, multicast, reserved and broadcast.
    /// </summary>
    private static bool IsNever(uint address) =>
        address >> 24 is 0 or 127 or >= 224 || address >> 16 == 0xa9fe || NetworkPlan.InSubnet(address);

    private bool IsOutside(uint address)
    {
        // struct nlmsghdr, struct rtmsg, struct rtattr with the address.
        var message = stackalloc byte[RequestLength];
        new Span<byte>(message, RequestLength).Clear();
        *(uint*)message = RequestLength;
        *(ushort*)(message + 4) = GetRoute;
        *(ushort*)(message + 6) = IsRequest;
        message[HeaderLength] = FamilyIpv4;
        message[HeaderLength + 1] = 32;
        *(ushort*)(message + HeaderLength + 12) = 8;
        *(ushort*)(message + HeaderLength + 14) = RouteDestination;
        BinaryPrimitives.WriteUInt32BigEndian(new Span<byte>(message + HeaderLength + 16, 4), address);
        if (Libc.Send(_questions, message, RequestLength, Libc.MessageDontWait) < 0)
        {
            return false;
        }

        // The kernel has answered by the time the request is sent. No route, or any kind but one out of an interface, is a no.
        var answer = stackalloc byte[1024];
        var length = Libc.Receive(_questions, answer, 1024, Libc.MessageDontWait);
        return length >= HeaderLength + 8 && *(ushort*)(answer + 4) == NewRoute && answer[HeaderLength + 7] == TypeUnicast;
    }

    private static int Open(uint groups)
    {
        var descriptor = Libc.Require(Libc.Socket(Libc.AfNetlink, Libc.SockRaw | Libc.SockNonblock | Libc.SockCloexec, 0), "socket");
        // struct sockaddr_nl: family, padding, port id, groups.
        var address = stackalloc uint[3];
        address[0] = Libc.AfNetlink;
        address[1] = 0;
        address[2] = groups;
        Libc.Require(Libc.Bind(descriptor, (byte*)address, 12), "bind");
        return descriptor;
    }
}
