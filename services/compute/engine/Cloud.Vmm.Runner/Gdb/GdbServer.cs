using System.Net;
using System.Net.Sockets;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Gdb;

/// <summary>Listens for a debugger that speaks GDB's remote serial protocol, one at a time.</summary>
internal sealed class GdbServer : IDisposable
{
    private readonly Supervisor _supervisor;
    private readonly Socket _listener;
    private readonly Thread _thread;
    private volatile bool _disposed;

    /// <param name="supervisor">The machine.</param>
    /// <param name="where"><c>unix:PATH</c>, or <c>tcp:[ADDRESS]:PORT</c>, on the loopback address where none is named.</param>
    /// <exception cref="OptionException">There cannot be listened.</exception>
    internal GdbServer(Supervisor supervisor, string where)
    {
        _supervisor = supervisor;
        _listener = Listen(where);
        _thread = new Thread(Serve) { IsBackground = true, Name = "gdb" };
    }

    internal void Start() => _thread.Start();

    public void Dispose()
    {
        _disposed = true;
        _listener.Dispose();
    }

    private static Socket Listen(string where)
    {
        string[] parts = where.Split(':');
        switch (parts)
        {
            case ["unix", var path]:
                return HostFiles.Listen(Properties.Parse($"socket,path={path}", "backend"));
            case ["tcp", var address, var port] when ushort.TryParse(port, out ushort number):
                IPAddress? on = IPAddress.Loopback;
                if (address.Length > 0 && address != "localhost" && !IPAddress.TryParse(address, out on))
                {
                    throw new OptionException($"'{address}' is no address.");
                }

                var socket = new Socket(on.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    socket.Bind(new IPEndPoint(on, number));
                    socket.Listen(1);
                    return socket;
                }
                catch (SocketException refused)
                {
                    socket.Dispose();
                    throw new OptionException($"'{where}': {refused.Message}");
                }

            default:
                throw new OptionException($"'{where}' is no place to listen: unix:PATH, or tcp:[ADDRESS]:PORT.");
        }
    }

    private void Serve()
    {
        while (!_disposed)
        {
            try
            {
                using Socket client = _listener.Accept();
                using var session = new GdbSession(client, _supervisor);
                session.Serve();
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException or IOException)
            {
                // The debugger left, or the process ends; the loop's condition tells which.
            }
        }
    }
}
