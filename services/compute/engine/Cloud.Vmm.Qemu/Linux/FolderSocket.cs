using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>
/// Unix sockets in a folder. A socket's path may be 107 bytes long and a folder's longer, so the path starts at the folder's descriptor.
/// </summary>
internal static class FolderSocket
{
    private const int FamilyUnix = 1;
    private const int TypeStream = 1;
    private const int CloseOnExec = 0x80000;
    private const int AddressBytes = 110;
    private const int PathOffset = 2;
    private const int Backlog = 4;
    private const uint OwnerOnly = 0b110_000_000;

    /// <summary>
    /// Listens, reachable by the present user alone. What a run before left is taken away. Not by .NET's Socket, which on
    /// closing removes the path that it was bound to, and here the socket goes on in a child.
    /// </summary>
    public static unsafe SafeFileHandle Listen(string folder, string name)
    {
        using var at = Descriptor.OpenFolder(folder);
        var path = PathAt(at, name);
        File.Delete(path);
        var socket = new SafeFileHandle(Check(LibC.Socket(FamilyUnix, TypeStream | CloseOnExec, 0), name), ownsHandle: true);
        try
        {
            // Before the bind, so that the path never has another mode.
            Check(LibC.ChangeMode(socket, OwnerOnly), name);
            var address = stackalloc byte[AddressBytes];
            new Span<byte>(address, AddressBytes).Clear();
            BinaryPrimitives.WriteUInt16LittleEndian(new Span<byte>(address, PathOffset), FamilyUnix);
            Encoding.UTF8.GetBytes(path, new Span<byte>(address + PathOffset, AddressBytes - PathOffset - 1));
            Check(LibC.Bind(socket, address, AddressBytes), name);
            Check(LibC.Listen(socket, Backlog), name);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <exception cref="SocketException">Nobody listens.</exception>
    public static async Task<NetworkStream> ConnectAsync(string folder, string name, CancellationToken ct)
    {
        using var at = Descriptor.OpenFolder(folder);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(PathAt(at, name)), ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static string PathAt(SafeFileHandle folder, string name) => $"/proc/self/fd/{folder.DangerousGetHandle()}/{name}";

    private static int Check(int result, string name) =>
        result >= 0 ? result : throw new IOException($"The socket '{name}' cannot be made: {Descriptor.LastError()}");
}
