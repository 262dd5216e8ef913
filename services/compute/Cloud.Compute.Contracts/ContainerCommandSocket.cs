using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Contracts;

/// <summary>
/// A container's command over a WebSocket: bytes go both ways at once, and how it ended is said after them. Each side sends two messages.
/// The caller: what is to be run, as JSON, and its input, one message of any length. Who runs it: its output, one message, and the outcome,
/// as JSON. A connection that breaks off before that ends the command.
/// </summary>
public static class ContainerCommandSocket
{
    /// <summary>A caller that has gone is noticed within two of these, even where nobody reads what it sends.</summary>
    public static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan CloseLimit = TimeSpan.FromSeconds(5);

    /// <summary>Has another process run a command.</summary>
    /// <exception cref="CloudException">It refused, or the connection was lost: what became of the command is not known.</exception>
    public static async Task<ContainerCommandEnd> CallAsync(
        HttpClient client, string path, CalledService service, ContainerCommand command, Stream? input,
        Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(service);
        using var socket = new ClientWebSocket();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var feeding = Task.CompletedTask;
        try
        {
            await socket.ConnectAsync(new UriBuilder(new Uri(client.BaseAddress!, path)) { Scheme = "ws" }.Uri, client, ct);
            await SendAsync(socket, command, ct);
            feeding = FeedAsync(socket, input ?? Stream.Null, over.Token);
            await ReadOutputAsync(socket, output, ct);
            var outcome = await ReceiveAsync<Outcome>(socket, ct);
            return outcome.End ?? throw new CloudException(outcome.Kind, outcome.Code ?? "", outcome.Detail ?? "");
        }
        catch (Exception broken) when (broken is not CloudException)
        {
            await over.CancelAsync();
            await feeding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (feeding.IsFaulted)
            {
                // The caller's own input is why the connection ended.
                await feeding;
            }

            ct.ThrowIfCancellationRequested();
            if (broken is WebSocketException)
            {
                throw service.Unreachable(broken);
            }

            throw;
        }
        finally
        {
            await over.CancelAsync();
            await feeding.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Runs what a caller at the other end asks for.</summary>
    /// <param name="socket">The connection, accepted.</param>
    /// <param name="run">Runs it. It is cancelled when the caller goes away.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task ServeAsync(
        WebSocket socket,
        Func<ContainerCommand, Stream, Func<Stream, CancellationToken, Task>, CancellationToken, Task<ContainerCommandEnd>> run,
        CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(run);
        var command = await ReceiveAsync<ContainerCommand>(socket, ct);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var input = new Pipe();
        var receiving = ReceiveInputAsync(socket, input.Writer, either);
        try
        {
            var outcome = await RunAsync(socket, command, input.Reader.AsStream(), run, either.Token);
            await SendAsync(socket, outcome, either.Token);
            await receiving.WaitAsync(CloseLimit, either.Token);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or TimeoutException)
        {
            // Nobody is there any more that could be told.
        }
        finally
        {
            socket.Abort();
            await receiving;
        }
    }

    private static async Task<Outcome> RunAsync(
        WebSocket socket, ContainerCommand command, Stream input,
        Func<ContainerCommand, Stream, Func<Stream, CancellationToken, Task>, CancellationToken, Task<ContainerCommandEnd>> run,
        CancellationToken ct)
    {
        await using var output = WebSocketStream.CreateWritableMessageStream(socket, WebSocketMessageType.Binary);
        try
        {
            return new Outcome(await run(command, input, (stream, end) => stream.CopyToAsync(output, end), ct));
        }
        catch (CloudException refused)
        {
            return new Outcome(null, refused.Kind, refused.Code, refused.Message);
        }
        finally
        {
            // What the command did not read is dropped as it comes.
            await input.DisposeAsync();
        }
    }

    /// <summary>To the input's end, and then to the caller's. Held back by who reads it.</summary>
    private static async Task ReceiveInputAsync(WebSocket socket, PipeWriter input, CancellationTokenSource gone)
    {
        try
        {
            await using (var message = WebSocketStream.CreateReadableMessageStream(socket))
            {
                await message.CopyToAsync(input.AsStream(leaveOpen: true), CancellationToken.None);
            }

            if (socket.State != WebSocketState.Open)
            {
                throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
            }

            await input.CompleteAsync();
            await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
        }
        catch (Exception broken)
        {
            // Whatever a stream says whose connection has gone.
            await input.CompleteAsync(broken);
        }

        await gone.CancelAsync();
    }

    /// <summary>Half an input is none: one that breaks off takes the connection with it.</summary>
    private static async Task FeedAsync(ClientWebSocket socket, Stream input, CancellationToken ct)
    {
        try
        {
            var message = WebSocketStream.CreateWritableMessageStream(socket, WebSocketMessageType.Binary);
            await input.CopyToAsync(message, ct);
            await message.DisposeAsync();
        }
        catch (Exception broken) when (broken is WebSocketException || socket.State != WebSocketState.Open)
        {
            // Who reads the output learns of it too.
            socket.Abort();
        }
        catch
        {
            socket.Abort();
            throw;
        }
    }

    private static async Task ReadOutputAsync(ClientWebSocket socket, Func<Stream, CancellationToken, Task>? output, CancellationToken ct)
    {
        await using var message = WebSocketStream.CreateReadableMessageStream(socket);
        try
        {
            if (output is not null)
            {
                await output(message, ct);
            }

            await message.CopyToAsync(Stream.Null, ct);
        }
        catch (Exception broken) when (socket.State != WebSocketState.Open)
        {
            throw Lost(broken);
        }
        catch
        {
            // The message's own end waits for the rest of it.
            socket.Abort();
            throw;
        }
    }

    private static async Task SendAsync<T>(WebSocket socket, T value, CancellationToken ct) => await socket.SendAsync(
        JsonSerializer.SerializeToUtf8Bytes(value, ComputeCalls.Json), WebSocketMessageType.Text, endOfMessage: true, ct);

    private static async Task<T> ReceiveAsync<T>(WebSocket socket, CancellationToken ct)
    {
        await using var message = WebSocketStream.CreateReadableMessageStream(socket);
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(message, ComputeCalls.Json, ct)
                ?? throw new WebSocketException(WebSocketError.InvalidMessageType);
        }
        catch (Exception broken) when (broken is JsonException || socket.State != WebSocketState.Open)
        {
            throw Lost(broken);
        }
    }

    /// <summary>A stream of a connection that has gone says it in many ways: that it can't be read, or that it was cancelled.</summary>
    private static WebSocketException Lost(Exception broken) => new(WebSocketError.ConnectionClosedPrematurely, broken);

    /// <summary>How it ended, or why it was refused.</summary>
    private sealed record Outcome(
        ContainerCommandEnd? End, ErrorKind Kind = ErrorKind.Unavailable, string? Code = null, string? Detail = null);
}
