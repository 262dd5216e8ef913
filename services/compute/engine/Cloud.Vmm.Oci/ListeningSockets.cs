using System.Buffers.Binary;
using System.Net;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Oci;

/// <summary>
/// Sockets that listen on the host, for a container that is given them open and needs no network of its own for that. A socket is of the
/// host's network whoever has it, and one that was connected can be made to connect elsewhere (connect(2), AF_UNSPEC): so each has a packet
/// filter that cannot be taken off, and that connections inherit. It lets in what is for this port and address, and no answer to an attempt
/// to connect. So with what it was given, or has accepted, a container reaches nobody, and listens nowhere else.
/// </summary>
internal static partial class ListeningSockets
{
    private const int FamilyInternet = 2;
    private const int TypeStream = 1;
    private const int CloseOnExec = 0x80000;
    private const int LevelSocket = 1;
    private const int ReuseAddress = 2;
    private const int AttachFilter = 26;
    private const int LockFilter = 44;
    private const int AddressBytes = 16;
    private const int NewNetwork = 0x40000000;
    private const int ErrorAddressInUse = 98;

    // linux/bpf_common.h.
    private const ushort LoadWord = 0x20;
    private const ushort LoadHalf = 0x28;
    private const ushort LoadByte = 0x30;
    private const ushort And = 0x54;
    private const ushort JumpIfEqual = 0x15;
    private const ushort Return = 0x06;

    /// <summary>The kernel's own bound is lower on many hosts: net.core.somaxconn.</summary>
    private const int Backlog = 4096;

    /// <exception cref="VmException">A port is taken.</exception>
    public static IReadOnlyList<SafeFileHandle> Open(IReadOnlyList<VmListener> listeners, OciOptions options) =>
        listeners.Count == 0 || options.ListenerNetwork is not { } network
            ? OpenHere(listeners, options.ListenerAddress)
            : InNetwork(network, () => OpenHere(listeners, options.ListenerAddress));

    private static List<SafeFileHandle> OpenHere(IReadOnlyList<VmListener> listeners, IPAddress address)
    {
        var open = new List<SafeFileHandle>();
        try
        {
            foreach (var listener in listeners)
            {
                open.Add(Listen(address, listener.Port));
            }

            return open;
        }
        catch
        {
            open.ForEach(socket => socket.Dispose());
            throw;
        }
    }

    private static unsafe SafeFileHandle Listen(IPAddress address, int port)
    {
        var socket = new SafeFileHandle(Check(LibC.Socket(FamilyInternet, TypeStream | CloseOnExec, 0), address, port), ownsHandle: true);
        try
        {
            // What waits for late packets of connections that are over does not hold the port.
            var one = 1;
            Check(SetOption(socket, LevelSocket, ReuseAddress, &one, sizeof(int)), address, port);
            var name = stackalloc byte[AddressBytes];
            var bytes = new Span<byte>(name, AddressBytes);
            bytes.Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, FamilyInternet);
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], (ushort)port);
            address.TryWriteBytes(bytes[4..], out _);
            KeepToItsPort(socket, address, port);
            Check(LibC.Bind(socket, name, AddressBytes), address, port);
            Check(LibC.Listen(socket, Backlog), address, port);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Classic BPF, over a packet from its TCP header on (RFC 9293, section 3.1); before it lies IPv4's.</summary>
    private static unsafe void KeepToItsPort(SafeFileHandle socket, IPAddress address, int port)
    {
        const byte Drop = byte.MaxValue;
        const int FlagsOffset = 13, DestinationPortOffset = 2, SynAndAck = 0x12;
        const uint DestinationAddressOffset = 0xfff0_0000 + 16;
        var destination = address.Equals(IPAddress.Any) ? null : (uint?)BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());
        List<Instruction> program =
        [
            new(LoadHalf, DestinationPortOffset),
            new(JumpIfEqual, (uint)port, Otherwise: Drop),
            new(LoadByte, FlagsOffset),
            new(And, SynAndAck),
            new(JumpIfEqual, SynAndAck, Then: Drop),
        ];
        if (destination is { } only)
        {
            program.AddRange([new(LoadWord, DestinationAddressOffset), new(JumpIfEqual, only, Otherwise: Drop)]);
        }

        program.AddRange([new(Return, uint.MaxValue), new(Return, 0)]);
        var instructions = program.Select((instruction, at) => instruction.Towards(program.Count - 2 - at)).ToArray();
        var locked = 1;
        fixed (Instruction* first = instructions)
        {
            var filter = new Program { Length = (ushort)instructions.Length, First = (nint)first };
            Check(SetOption(socket, LevelSocket, AttachFilter, &filter, (uint)sizeof(Program)), address, port);
            Check(SetOption(socket, LevelSocket, LockFilter, &locked, sizeof(int)), address, port);
        }
    }

    /// <summary>A network namespace is a thread's (setns(2)): one of its own enters it, and ends.</summary>
    private static T InNetwork<T>(string path, Func<T> act)
        where T : class
    {
        T? made = null;
        ExceptionDispatchInfo? failed = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var network = Descriptor.Open(path, LibC.OpenReadOnly);
                made = SetNamespace(network, NewNetwork) == 0
                    ? act()
                    : throw new IOException($"The machine's network cannot be entered: {Descriptor.LastError()}");
            }
            catch (Exception thrown)
            {
                failed = ExceptionDispatchInfo.Capture(thrown);
            }
        });
        thread.Start();
        thread.Join();
        failed?.Throw();
        return made!;
    }

    private static int Check(int result, IPAddress address, int port)
    {
        if (result >= 0)
        {
            return result;
        }

        throw new VmException(
            Marshal.GetLastPInvokeError() == ErrorAddressInUse
                ? $"Port {port} of {address} is taken by another program of the host."
                : $"Nothing can listen on port {port} of {address}: {Descriptor.LastError()}.");
    }

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static unsafe partial int SetOption(SafeFileHandle socket, int level, int option, void* value, uint length);

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(SafeFileHandle network, int type);

    /// <summary>struct sock_filter.</summary>
    /// <param name="Then">How many are passed over where it holds; 255 for all up to the last.</param>
    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Instruction(ushort Code, byte Then, byte Otherwise, uint Value)
    {
        public Instruction(ushort code, uint value, byte Then = 0, byte Otherwise = 0)
            : this(code, Then, Otherwise, value)
        {
        }

        public Instruction Towards(int last) => this with
        {
            Then = Then == byte.MaxValue ? (byte)last : Then,
            Otherwise = Otherwise == byte.MaxValue ? (byte)last : Otherwise,
        };
    }

    /// <summary>struct sock_fprog.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Program
    {
        public ushort Length;
        public nint First;
    }
}
