using System.Net.Sockets;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Net;

/// <summary>
/// The wire to the host's switch: a pair of Unix datagram sockets, a frame a datagram. The switch's end is looked up by its path on every
/// send, so one
/// that comes back is found again.
/// </summary>
internal sealed class DatagramLink : IDisposable
{
    private const int BufferBytes = 1 << 20;

    private readonly Socket _socket;
    private readonly UnixDomainSocketEndPoint _remote;
    private readonly string _localPath;
    private readonly CancellationTokenSource _ending = new();
    private Task _receiving = Task.CompletedTask;

    /// <param name="localPath">The guest's end, bound here; a socket file that is left there is replaced.</param>
    /// <param name="remotePath">The switch's end.</param>
    internal DatagramLink(string localPath, string remotePath)
    {
        _localPath = localPath;
        _remote = new UnixDomainSocketEndPoint(remotePath);
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)
        {
            SendBufferSize = BufferBytes,
            ReceiveBufferSize = BufferBytes,
        };
        File.Delete(localPath);
        _socket.Bind(new UnixDomainSocketEndPoint(localPath));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(localPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

    }

    /// <summary>Gets each frame that comes, one after the other; set before <see cref="Start"/>.</summary>
    internal SendFrame? Received { get; set; }

    internal void Start() => _receiving = ReceiveAllAsync(_ending.Token);

    internal void Send(ReadOnlySpan<byte> frame)
    {
        try
        {
            // A switch that does not keep up loses frames and never holds up the guest.
            if (_socket.Poll(0, SelectMode.SelectWrite))
            {
                _socket.SendTo(frame, _remote);
            }
        }
        catch (SocketException)
        {
            // No switch there, or its queue is full: the frame is lost, as on a wire that nobody holds.
        }
        catch (ObjectDisposedException)
        {
            // The machine ends.
        }
    }

    public void Dispose()
    {
        _ending.Cancel();
        _receiving.Wait();
        _socket.Dispose();
        _ending.Dispose();
        File.Delete(_localPath);
    }

    private async Task ReceiveAllAsync(CancellationToken ct)
    {
        byte[] buffer = new byte[64 * 1024];
        while (!ct.IsCancellationRequested)
        {
            try
            {
                int size = await _socket.ReceiveAsync(buffer, SocketFlags.None, ct).ConfigureAwait(false);
                Received?.Invoke(buffer.AsSpan(0, size));
            }
            catch (SocketException)
            {
                // An error of an earlier send is told here; the socket stays good.
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }
}
