using System.Net.Sockets;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>The ways to another host that awaits something.</summary>
/// <param name="at">The socket where it does.</param>
/// <param name="secret">The arrival's.</param>
internal sealed class MoveOut(string at, string secret)
{
    public Task<(Socket Socket, MoveAnswer Answer)> OpenAsync(string name, CancellationToken ct) =>
        MoveWays.OpenAsync(at, new MoveWay(secret, name), null, ct);

    /// <summary>Asks for what needs no more than that.</summary>
    public async Task<MoveAnswer> AskAsync(string name, CancellationToken ct)
    {
        var (socket, answer) = await OpenAsync(name, ct);
        socket.Dispose();
        return answer;
    }

    /// <summary>Sends a file as <see cref="SparseCopy"/> does.</summary>
    public async Task SendSparseAsync(string name, string file, string path, CancellationToken ct)
    {
        using var content = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var (socket, _) = await MoveWays.OpenAsync(
            at, new MoveWay(secret, name, file), stream => SparseCopy.SendAsync(content, stream, ct), ct);
        socket.Dispose();
    }

    public async Task<MoveAnswer> SendAsync(string name, Stream content, CancellationToken ct)
    {
        var (socket, answer) = await MoveWays.OpenAsync(
            at, new MoveWay(secret, name, null, 0, content.Length), stream => CopyAsync(content, stream, content.Length, ct), ct);
        socket.Dispose();
        return answer;
    }

    /// <summary>Sends what there is of a log from an offset on, as far as it has not been given back to the disk.</summary>
    /// <returns>The offset where that ended.</returns>
    public async Task<long> SendLogAsync(string path, long from, CancellationToken ct)
    {
        if (!File.Exists(path))
        {
            return 0;
        }

        await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var offset = Math.Max(from, GuestLog.StartOf(content.SafeFileHandle));
        var length = content.Length - offset;
        if (from > 0 && length <= 0)
        {
            return from;
        }

        content.Position = offset;
        var (socket, _) = await MoveWays.OpenAsync(
            at, new MoveWay(secret, MoveWays.Log, Path.GetFileName(path), offset, length),
            stream => CopyAsync(content, stream, length, ct), ct);
        socket.Dispose();
        return offset + length;
    }

    public static async Task CopyAsync(Stream from, Stream to, long lengthBytes, CancellationToken ct)
    {
        var buffer = new byte[1 << 18];
        while (lengthBytes > 0)
        {
            var read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, lengthBytes)), ct);
            await to.WriteAsync(read > 0 ? buffer.AsMemory(0, read) : throw new IOException("The file ended early."), ct);
            lengthBytes -= read;
        }
    }
}
