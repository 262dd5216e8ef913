using System.Net.Sockets;
using System.Text;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>What a shim is asked while its container runs (<c>shim/commands.c</c>): lines, in turn.</summary>
internal sealed class ShimConversation : IDisposable
{
    private const string Error = "error ";

    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private ShimConversation(NetworkStream stream)
    {
        _stream = stream;
        _reader = new StreamReader(stream, Encoding.UTF8);
    }

    /// <exception cref="VmException">There is no shim that takes what is asked.</exception>
    public static async Task<ShimConversation> BeginAsync(string folder, string line, CancellationToken ct)
    {
        try
        {
            var shim = new ShimConversation(await FolderSocket.ConnectAsync(folder, ContainerFolder.Commands, ct));
            await shim.SayAsync(line, ct);
            return shim;
        }
        catch (Exception away) when (away is SocketException or IOException)
        {
            throw new VmException("The container's shim cannot be asked: stop the container and start it again.", away);
        }
    }

    public async Task SayAsync(string line, CancellationToken ct) => await _stream.WriteAsync(Encoding.UTF8.GetBytes($"{line}\n"), ct);

    /// <exception cref="VmException">It says why it cannot, or has ended.</exception>
    public async Task ExpectAsync(string word, CancellationToken ct)
    {
        string? line = null;
        try
        {
            line = await _reader.ReadLineAsync(ct);
        }
        catch (IOException)
        {
            // As where it closed in order.
        }

        if (line != word)
        {
            throw new VmException(
                line?.StartsWith(Error, StringComparison.Ordinal) == true ? line[Error.Length..] : "The container's shim has ended.");
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }
}
