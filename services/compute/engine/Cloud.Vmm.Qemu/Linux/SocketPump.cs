using System.Net.Sockets;

namespace Cloud.Vmm.Qemu.Linux;

/// <summary>Carries bytes both ways between two sockets until either ends.</summary>
internal static class SocketPump
{
    private const int BufferBytes = 256 << 10;

    public static async Task RunAsync(Socket one, Socket other, CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var there = CarryAsync(one, other, end);
        var back = CarryAsync(other, one, end);
        await Task.WhenAll(there, back);
    }

    private static async Task CarryAsync(Socket from, Socket to, CancellationTokenSource end)
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await from.ReceiveAsync(buffer, end.Token) is var length and > 0)
            {
                for (var sent = 0; sent < length;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, length - sent), end.Token);
                }
            }
        }
        catch (Exception over) when (over is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Whoever speaks over it sees the end on its own side.
        }

        await end.CancelAsync();
    }
}
