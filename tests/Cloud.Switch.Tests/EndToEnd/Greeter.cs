using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A TCP server that sends a text to whoever connects and closes; and counts them.</summary>
internal sealed class Greeter : IDisposable
{
    private readonly Socket _listener;
    private readonly byte[] _text;
    private int _connections;

    public Greeter(Socket listener, IPEndPoint at, string text)
    {
        _listener = listener;
        _text = Encoding.UTF8.GetBytes(text);
        listener.Bind(at);
        listener.Listen();
        _ = ServeAsync();
    }

    public static Greeter OnHost(IPAddress address, string text) =>
        new(new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), new IPEndPoint(address, 0), text);

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public int Connections => _connections;

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                using var socket = await _listener.AcceptAsync();
                Interlocked.Increment(ref _connections);
                await socket.SendAsync(_text);
                socket.Shutdown(SocketShutdown.Both);
            }
        }
        catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }
}
