using System.Net.Sockets;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>Listens for QMP clients, one at a time as QEMU does: the next is greeted when the last has left.</summary>
internal sealed class QmpServer(Socket listener, QmpCommands commands, QmpEvents events) : IDisposable
{
    private readonly CancellationTokenSource _ending = new();
    private Task _serving = Task.CompletedTask;

    internal void Start() => _serving = ServeAsync(_ending.Token);

    public void Dispose()
    {
        _ending.Cancel();
        _serving.Wait();
        listener.Dispose();
        _ending.Dispose();
    }

    private async Task ServeAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                using Socket client = await listener.AcceptAsync(ct).ConfigureAwait(false);
                await new QmpSession(client, commands, events).ServeAsync(ct).ConfigureAwait(false);
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The client left, or the process ends; the loop's condition tells which.
            }
        }
    }
}
