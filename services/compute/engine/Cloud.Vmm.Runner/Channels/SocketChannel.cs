using System.Net.Sockets;

namespace Cloud.Vmm.Runner.Channels;

/// <summary>
/// A listening Unix socket: one at a time may connect. What the guest writes while nobody does is lost here (a log beside it may have it).
/// </summary>
internal sealed class SocketChannel : IChannel
{
    // A reader that takes nothing for so long is cut off, so that it does not hold up the guest.
    private const int SendLimitMilliseconds = 2000;
    private const int BufferBytes = 4096;

    private readonly Socket _listener;
    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _room = new(0, 1);
    private Socket? _client;
    private Task _serving = Task.CompletedTask;

    internal SocketChannel(Socket listener) => _listener = listener;

    public ChannelInput? Input { get; set; }

    public Action<bool>? OpenChanged { get; set; }

    public bool AlwaysOpen => false;

    public void Start() => _serving = ServeAsync(_ending.Token);

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Socket? client = Volatile.Read(ref _client);
        if (client is null)
        {
            return;
        }

        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[client.Send(bytes)..];
            }
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // The reading side notices the same and lets the next one in.
            client.Dispose();
        }
    }

    public void RoomMade()
    {
        if (_room.CurrentCount == 0)
        {
            try
            {
                _room.Release();
            }
            catch (SemaphoreFullException)
            {
                // Another thread said so in the same moment.
            }
        }
    }

    public void Dispose()
    {
        _ending.Cancel();
        _serving.Wait();
        _listener.Dispose();
        _ending.Dispose();
        _room.Dispose();
    }

    private async Task ServeAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                using Socket client = await _listener.AcceptAsync(ct).ConfigureAwait(false);
                client.SendTimeout = SendLimitMilliseconds;
                Volatile.Write(ref _client, client);
                OpenChanged?.Invoke(true);
                await ReadAllAsync(client, ct).ConfigureAwait(false);
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The client left, or the machine ends; the loop's condition tells which.
            }

            Volatile.Write(ref _client, null);
            OpenChanged?.Invoke(false);
        }
    }

    private async Task ReadAllAsync(Socket client, CancellationToken ct)
    {
        byte[] buffer = new byte[BufferBytes];
        for (int size = 1; size > 0;)
        {
            size = await client.ReceiveAsync(buffer, SocketFlags.None, ct).ConfigureAwait(false);
            for (int taken = 0; taken < size;)
            {
                int more = Input?.Invoke(buffer.AsSpan(taken, size - taken)) ?? size;
                taken += more;

                // Where the guest does not read: look again when it does, or every so often.
                if (more == 0)
                {
                    await _room.WaitAsync(SendLimitMilliseconds, ct).ConfigureAwait(false);
                }
            }
        }
    }
}
