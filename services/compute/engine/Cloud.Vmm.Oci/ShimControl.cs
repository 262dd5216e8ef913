using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Oci;

/// <summary>The agent's end of the socket pair that it starts a shim with: lines, in turn.</summary>
internal sealed partial class ShimControl : IDisposable
{
    private const int FamilyUnix = 1;
    private const int TypeStream = 1;
    private const int CloseOnExec = 0x80000;
    private const string Error = "error ";

    private readonly StreamReader _reader;
    private readonly NetworkStream _stream;

    private ShimControl(NetworkStream stream, SafeFileHandle shims)
    {
        _stream = stream;
        _reader = new StreamReader(stream, Encoding.UTF8);
        Shims = shims;
    }

    /// <summary>The shim's end, to be given to it and then closed here.</summary>
    public SafeFileHandle Shims { get; }

    public static unsafe ShimControl Create()
    {
        var ends = stackalloc int[2];
        if (SocketPair(FamilyUnix, TypeStream | CloseOnExec, 0, ends) != 0)
        {
            throw new IOException(Descriptor.LastError());
        }

        var own = new Socket(new SafeSocketHandle(ends[0], ownsHandle: true));
        return new ShimControl(new NetworkStream(own, ownsSocket: true), new SafeFileHandle(ends[1], ownsHandle: true));
    }

    /// <summary>The next line; what follows the word that it must begin with.</summary>
    /// <exception cref="VmException">The shim says why it cannot.</exception>
    /// <exception cref="EndOfStreamException">It has ended without a word.</exception>
    public async Task<string> ExpectAsync(string word, CancellationToken ct)
    {
        string? line;
        try
        {
            line = await _reader.ReadLineAsync(ct);
        }
        catch (IOException reset)
        {
            throw new EndOfStreamException("The shim has ended.", reset);
        }

        if (line is null)
        {
            throw new EndOfStreamException("The shim has ended.");
        }

        if (line.StartsWith(Error, StringComparison.Ordinal))
        {
            throw new VmException(line[Error.Length..]);
        }

        return line.StartsWith(word, StringComparison.Ordinal)
            ? line[word.Length..].Trim()
            : throw new VmException($"The shim said '{line}'.");
    }

    public async Task SayGoAsync(CancellationToken ct) => await _stream.WriteAsync("go\n"u8.ToArray(), ct);

    public void Dispose()
    {
        Shims.Dispose();
        _reader.Dispose();
        _stream.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "socketpair", SetLastError = true)]
    private static unsafe partial int SocketPair(int family, int type, int protocol, int* ends);
}
