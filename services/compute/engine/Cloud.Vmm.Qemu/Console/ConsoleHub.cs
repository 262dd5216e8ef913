using System.Net.Sockets;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu.Console;

/// <summary>
/// Any number of terminals on one serial port. QEMU holds the guest's output back while its own client does not read, so that client is
/// this hub, which always reads: a terminal that does not keep up loses the oldest of what it has not read, and holds up nobody. Connected
/// while there is a terminal.
/// </summary>
internal sealed class ConsoleHub(string folder) : IAsyncDisposable
{
    private const int ReadBytes = 4096;
    private const int TerminalsMax = 16;

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Lock _lock = new();
    private readonly List<ConsoleTerminal> _terminals = [];
    private NetworkStream? _port;
    private Task _pumping = Task.CompletedTask;

    /// <exception cref="VmException">The machine has ended, or too many terminals are on it.</exception>
    public async Task<Stream> OpenAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_terminals.Count >= TerminalsMax)
            {
                throw new VmException($"The console has {TerminalsMax} terminals, which is the most it takes.");
            }

            var connected = _port is not null && !_pumping.IsCompleted;
            if (!connected)
            {
                await DisconnectAsync();
                _port = await ConnectAsync(ct);
            }

            var terminal = new ConsoleTerminal(_port!, CloseAsync);
            lock (_lock)
            {
                _terminals.Add(terminal);
            }

            if (!connected)
            {
                _pumping = PumpAsync(_port!);
            }

            return terminal;
        }
        finally
        {
            _one.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _one.WaitAsync();
        try
        {
            await DisconnectAsync();
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<NetworkStream> ConnectAsync(CancellationToken ct)
    {
        try
        {
            return await FolderSocket.ConnectAsync(folder, MachineFolder.Console, ct);
        }
        catch (Exception nobody) when (nobody is SocketException or IOException)
        {
            throw new VmException("The machine has ended.", nobody);
        }
    }

    private async ValueTask CloseAsync(ConsoleTerminal terminal)
    {
        await _one.WaitAsync();
        try
        {
            bool last;
            lock (_lock)
            {
                last = _terminals.Remove(terminal) && _terminals.Count == 0;
            }

            if (last)
            {
                await DisconnectAsync();
            }
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task DisconnectAsync()
    {
        if (_port is { } port)
        {
            _port = null;
            await port.DisposeAsync();
            await _pumping;
        }
    }

    private async Task PumpAsync(NetworkStream port)
    {
        var buffer = new byte[ReadBytes];
        try
        {
            int read;
            while ((read = await port.ReadAsync(buffer)) > 0)
            {
                var bytes = buffer[..read];
                lock (_lock)
                {
                    _terminals.ForEach(terminal => terminal.Show(bytes));
                }
            }
        }
        catch (Exception ended) when (ended is IOException or ObjectDisposedException)
        {
            // The machine has ended, or the last terminal has gone; either way the terminals are told below.
        }

        lock (_lock)
        {
            _terminals.ForEach(terminal => terminal.End());
        }
    }
}
