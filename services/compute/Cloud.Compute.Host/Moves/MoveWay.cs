using System.Net.Sockets;
using System.Text.Json;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>
/// What a guest's old host asks its new one for, over a connection each: a line of JSON, answered by one. Then bytes go by it as the name
/// of the way says: a file, or whatever the two machines say to each other.
/// </summary>
/// <param name="Secret">The arrival's.</param>
/// <param name="Name">One of <see cref="MoveWays"/>, or of <see cref="VmMove"/>.</param>
/// <param name="File">The name of a file that follows.</param>
/// <param name="Offset">Where in it what follows begins.</param>
/// <param name="LengthBytes">How many bytes follow.</param>
internal sealed record MoveWay(string Secret, string Name, string? File = null, long Offset = 0, long LengthBytes = 0);

/// <param name="Error">Why not; null where it is so.</param>
/// <param name="TakesMemoryLate">The machine that awaits can run before it has all memory.</param>
/// <param name="Missing">Of the luggage, the files that are not there yet.</param>
/// <param name="HasRunSeconds">For how long the guest has run when this is answered.</param>
internal sealed record MoveAnswer(
    string? Error = null, bool TakesMemoryLate = false, IReadOnlyList<MoveFile>? Missing = null, double HasRunSeconds = 0);

/// <summary>A file of the luggage.</summary>
/// <param name="Way">The way that it takes: where it lies on either host.</param>
internal sealed record MoveFile(string Way, string Name);

/// <summary>The names of ways.</summary>
internal static class MoveWays
{
    /// <summary>A file below the root disk's own.</summary>
    public const string Layer = "layer";

    /// <summary>What else goes with it: a <see cref="Moves.Luggage"/>.</summary>
    public const string Luggage = "luggage";

    /// <summary>A file of volumes that is written no more.</summary>
    public const string VolumeLayer = "volume-layer";

    /// <summary>Memory and devices of a snapshot, by its id.</summary>
    public const string State = "state";

    /// <summary>What a disk that nobody writes to now holds above all other files: by the volume's id, or <see cref="Root"/>.</summary>
    public const string Top = "top";

    /// <summary>The root disk.</summary>
    public const string Root = "root";

    /// <summary>What a container has written, and whose user ids that has: a tar.</summary>
    public const string Written = "written";

    /// <summary>Starts the machine that awaits the guest, where it runs.</summary>
    public const string Begin = "begin";

    /// <summary>What the guest has printed or reported so far.</summary>
    public const string Log = "log";

    /// <summary>Lets the guest run: from its answer on it is the new host's.</summary>
    public const string Run = "run";

    private const int LineBytesMax = 4096;

    /// <summary>Asks, and ends when that was answered.</summary>
    /// <param name="at">The socket where the guest is awaited.</param>
    /// <param name="way">What is asked.</param>
    /// <param name="send">Sends the bytes that follow; null for none.</param>
    /// <param name="ct">Ends it; the other host may have heard it.</param>
    /// <exception cref="VmException">It was refused, or not heard.</exception>
    public static async Task<(Socket Socket, MoveAnswer Answer)> OpenAsync(
        string at, MoveWay way, Func<Stream, Task>? send, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await ConnectAsync(socket, at, ct);
            await SendAsync(socket, way, ct);
            if (send is not null)
            {
                await using var stream = new NetworkStream(socket, ownsSocket: false);
                await SendAsync(stream, send);
            }

            var answer = await ReceiveAsync<MoveAnswer>(socket, ct);
            return answer.Error is { } refused ? throw new VmException(refused) : (socket, answer);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task SendAsync(Stream stream, Func<Stream, Task> send)
    {
        try
        {
            await send(stream);
        }
        catch (IOException broken) when (broken.InnerException is SocketException)
        {
            // It was refused in the middle: the answer says why.
        }
    }

    private static async Task ConnectAsync(Socket socket, string at, CancellationToken ct)
    {
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(at), ct);
        }
        catch (SocketException nobody)
        {
            throw new VmException($"The other host awaits it no more: {nobody.Message}.", nobody);
        }
    }

    public static async Task SendAsync<T>(Socket socket, T line, CancellationToken ct)
    {
        ReadOnlyMemory<byte> rest = (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(line), (byte)'\n'];
        while (rest.Length > 0)
        {
            rest = rest[await socket.SendAsync(rest, ct)..];
        }
    }

    /// <summary>Looks before it takes: what comes after the line is another's to read.</summary>
    public static async Task<T> ReceiveAsync<T>(Socket socket, CancellationToken ct)
    {
        var line = new byte[LineBytesMax];
        for (var length = 0; length < line.Length;)
        {
            var seen = await socket.ReceiveAsync(line.AsMemory(length), SocketFlags.Peek, ct);
            if (seen == 0)
            {
                throw new IOException("The other host has closed the connection.");
            }

            var end = line.AsSpan(length, seen).IndexOf((byte)'\n');
            length += await socket.ReceiveAsync(line.AsMemory(length, end < 0 ? seen : end + 1), ct);
            if (line[length - 1] == '\n')
            {
                return JsonSerializer.Deserialize<T>(line.AsSpan(0, length - 1)) ?? throw new IOException("An empty line came.");
            }
        }

        throw new IOException("A line is too long.");
    }
}
