using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Cloud.Switch.Client;

/// <summary>A connection to a running switch's control socket. Requests are sent one at a time; safe to use from several callers.</summary>
public sealed class SwitchClient : IDisposable
{
    /// <summary>The protocol that this client speaks.</summary>
    public const int Protocol = 3;

    /// <summary>The longest line either side takes: user data of 1 MiB with every byte escaped, and the rest.</summary>
    public const int LineBytesMax = 8 << 20;

    /// <summary>A switch that has not answered by then hangs.</summary>
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly NetworkStream _stream;
    private readonly Queue<TaskCompletionSource<SwitchResponse>> _waiting = [];

    private SwitchClient(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _ = ReadAsync();
    }

    /// <summary>Completes when the switch has closed the connection: it ended, or was killed.</summary>
    public Task Closed => _closed.Task;

    /// <summary>Null where no switch listens.</summary>
    public static async Task<SwitchClient?> TryConnectAsync(string controlSocket, CancellationToken ct)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(controlSocket), ct);
            return new SwitchClient(socket);
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async Task<SwitchHello> HelloAsync(CancellationToken ct) =>
        (await AskAsync(new SwitchRequest(SwitchCommand.Hello), ct)).Hello!;

    /// <exception cref="SwitchException">The port is invalid, or a published port is taken.</exception>
    public Task JoinAsync(SwitchPort port, CancellationToken ct) => AskAsync(new SwitchRequest(SwitchCommand.Join, Port: port), ct);

    public Task LeaveAsync(string id, CancellationToken ct) => AskAsync(new SwitchRequest(SwitchCommand.Leave, id), ct);

    /// <summary>Joins the networks of this switch's projects with those of others.</summary>
    public Task LinkAsync(SwitchTrunk trunk, CancellationToken ct) => AskAsync(new SwitchRequest(SwitchCommand.Link, Trunk: trunk), ct);

    /// <summary>Has guests reach these servers of the cloud, and no others.</summary>
    /// <exception cref="SwitchException">One of them is invalid; nothing has changed.</exception>
    public Task ServeAsync(IReadOnlyList<SwitchService> services, CancellationToken ct) =>
        AskAsync(new SwitchRequest(SwitchCommand.Serve, Services: services), ct);

    /// <summary>The ids of the ports whose guests are on this host, or come here.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken ct) =>
        (await AskAsync(new SwitchRequest(SwitchCommand.List), ct)).Ids!;

    public async Task<IReadOnlyList<PortStatistics>> ReadStatisticsAsync(CancellationToken ct) =>
        (await AskAsync(new SwitchRequest(SwitchCommand.Statistics), ct)).Statistics!;

    /// <summary>Ends the switch; <see cref="Closed"/> completes when it has.</summary>
    public async Task QuitAsync(CancellationToken ct)
    {
        try
        {
            await AskAsync(new SwitchRequest(SwitchCommand.Quit), ct);
        }
        catch (IOException)
        {
            // It ended before it could answer.
        }
    }

    public void Dispose() => _stream.Dispose();

    /// <exception cref="IOException">The connection was lost.</exception>
    /// <exception cref="TimeoutException">The switch hangs.</exception>
    private async Task<SwitchResponse> AskAsync(SwitchRequest request, CancellationToken ct)
    {
        var answer = new TaskCompletionSource<SwitchResponse>(TaskCreationOptions.RunContinuationsAsynchronously);
        var line = JsonSerializer.SerializeToUtf8Bytes(request, SwitchJson.Default.SwitchRequest);
        await _one.WaitAsync(ct);
        try
        {
            lock (_waiting)
            {
                if (_closed.Task.IsCompleted)
                {
                    throw new IOException("The switch has closed the connection.");
                }

                _waiting.Enqueue(answer);
            }

            // Not cancelled half-way: a line is sent whole, or the connection ends, so that answers stay in step.
            await _stream.WriteAsync((byte[])[.. line, (byte)'\n'], CancellationToken.None)
                .AsTask().WaitAsync(AnswerLimit, CancellationToken.None);
        }
        catch (TimeoutException)
        {
            _stream.Dispose();
            throw;
        }
        finally
        {
            _one.Release();
        }

        var response = await answer.Task.WaitAsync(AnswerLimit, ct);
        return response.Error is { } error ? throw new SwitchException(error.Code, error.Message) : response;
    }

    private async Task ReadAsync()
    {
        Exception end = new IOException("The switch has closed the connection.");
        try
        {
            using var reader = new StreamReader(_stream, Encoding.UTF8);
            while (await reader.ReadLineAsync() is { } line)
            {
                var response = JsonSerializer.Deserialize(line, SwitchJson.Default.SwitchResponse)!;
                lock (_waiting)
                {
                    _waiting.Dequeue().TrySetResult(response);
                }
            }
        }
        catch (Exception broken) when (broken is IOException or ObjectDisposedException or JsonException or InvalidOperationException)
        {
            end = new IOException("The connection to the switch broke.", broken);
        }

        lock (_waiting)
        {
            _closed.TrySetResult();
            foreach (var answer in _waiting)
            {
                answer.TrySetException(end);
            }

            _waiting.Clear();
        }
    }
}
