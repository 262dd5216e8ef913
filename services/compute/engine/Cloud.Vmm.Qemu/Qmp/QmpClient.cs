using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Qemu.Qmp;

/// <summary>
/// A client of the QEMU Machine Protocol (docs/interop/qmp-spec.txt): a greeting, then JSON lines both ways: commands and their answers by
/// id, and events between them. Safe to call from several threads. The process at the other end may have been taken over by its guest: what
/// it says is bounded, and what makes no sense ends the connection.
/// </summary>
internal sealed class QmpClient : IAsyncDisposable
{
    private const int LineBytesMax = 4 << 20;
    private const int VersionLengthMax = 100;

    /// <summary>A disk is told with the files below it, one in the other.</summary>
    private const int DepthMax = 1024;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(20);

    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly Action<QmpEvent> _onEvent;
    private readonly PipeReader _reader;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentDictionary<long, TaskCompletionSource<JsonElement>> _asked = new();
    private TaskCompletionSource _next = NewNext();
    private long _id;
    private volatile bool _closed;

    private QmpClient(Stream stream, TimeProvider time, Action<QmpEvent> onEvent)
    {
        _stream = stream;
        _time = time;
        _onEvent = onEvent;
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
    }

    /// <summary>The program's at the other end, as it says: <c>7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)</c>.</summary>
    public string Version { get; private set; } = "";

    /// <summary>Ends when the connection does; never fails.</summary>
    public Task Closed { get; private set; } = Task.CompletedTask;

    /// <summary>Ends at the next event. Who takes it before a look sleeps through nothing that happens after that.</summary>
    public Task NextEvent => Volatile.Read(ref _next).Task;

    /// <summary>Awaits the greeting and negotiates; the stream is the client's from here on.</summary>
    /// <param name="onEvent">Called for one event after the other, on the reading task: must not block.</param>
    /// <exception cref="QmpException">The other end closed, or said something else.</exception>
    public static async Task<QmpClient> OpenAsync(Stream stream, TimeProvider time, Action<QmpEvent> onEvent, CancellationToken ct)
    {
        var client = new QmpClient(stream, time, onEvent);
        try
        {
            if (await client.ReadLineAsync(ct) is not { ValueKind: JsonValueKind.Object } greeting
                || !greeting.TryGetProperty("QMP", out var about))
            {
                throw new QmpException(QmpException.Lost, "No greeting came.");
            }

            client.Version = VersionOf(about);
            client.Closed = client.ReadAsync();
            await client.ExecuteAsync("qmp_capabilities", null, ct);
            return client;
        }
        catch (JsonException strange)
        {
            await client.DisposeAsync();
            throw new QmpException(QmpException.Lost, $"No greeting came: {strange.Message}");
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command and answers what it returned.</summary>
    /// <exception cref="QmpException">QEMU refused it, or did not answer in time.</exception>
    public Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, CancellationToken ct) =>
        ExecuteAsync(command, arguments, null, ct);

    /// <summary>The same, with an open file that goes with the command.</summary>
    /// <exception cref="QmpException">QEMU refused it, or did not answer in time.</exception>
    public async Task<JsonElement> ExecuteAsync(string command, JsonObject? arguments, SafeFileHandle? file, CancellationToken ct)
    {
        var id = Interlocked.Increment(ref _id);
        var answer = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        _asked[id] = answer;
        try
        {
            await WriteAsync(id, command, arguments, file, ct);
            if (_closed)
            {
                // Unless its answer was the last that came.
                answer.TrySetException(Ended());
            }

            return await answer.Task.WaitAsync(AnswerLimit, _time, ct);
        }
        catch (TimeoutException)
        {
            throw new QmpException(QmpException.Lost, $"'{command}' was not answered within {AnswerLimit.TotalSeconds:0} s.");
        }
        finally
        {
            _asked.TryRemove(id, out _);
        }
    }

    /// <summary>Waits for an event that was taken before a look, at most so long; the connection's end counts for one.</summary>
    public async Task AwaitAsync(Task nextEvent, TimeSpan limit, CancellationToken ct)
    {
        await nextEvent.WaitAsync(limit, _time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
    }

    public async ValueTask DisposeAsync()
    {
        _closed = true;
        await _stream.DisposeAsync();
        await Closed;
        Fail();
    }

    /// <summary>What the greeting says of it; empty where it says nothing.</summary>
    private static string VersionOf(JsonElement about)
    {
        if (about.ValueKind != JsonValueKind.Object || !about.TryGetProperty("version", out var version)
            || version.ValueKind != JsonValueKind.Object || !version.TryGetProperty("qemu", out var number)
            || number.ValueKind != JsonValueKind.Object)
        {
            return "";
        }

        string Part(string name) => number.TryGetProperty(name, out var part) ? part.ToString() : "?";
        var package = version.TryGetProperty("package", out var named) ? named.ToString() : "";
        var text = $"{Part("major")}.{Part("minor")}.{Part("micro")}{(package.Length == 0 ? "" : $" ({package})")}";
        return text[..Math.Min(text.Length, VersionLengthMax)];
    }

    private async Task WriteAsync(long id, string command, JsonObject? arguments, SafeFileHandle? file, CancellationToken ct)
    {
        var message = new JsonObject { ["execute"] = command, ["id"] = id };
        if (arguments is not null)
        {
            message["arguments"] = arguments;
        }

        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
        {
            message.WriteTo(json);
        }

        bytes.Write("\n"u8);
        await _writing.WaitAsync(ct);
        try
        {
            if (file is not null)
            {
                // With a blank before the command: QEMU keeps what came with it for the command that asks.
                await SocketDescriptor.SendAsync(((NetworkStream)_stream).Socket, file, (byte)' ', _time, ct);
            }

            await _stream.WriteAsync(bytes.WrittenMemory, ct);
        }
        catch (Exception lost) when (lost is IOException or ObjectDisposedException)
        {
            throw Ended();
        }
        catch (OperationCanceledException)
        {
            // Half a command may be on its way; nothing can follow it.
            await _stream.DisposeAsync();
            throw;
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await ReadLineAsync(CancellationToken.None) is { } message)
            {
                Take(message);
            }
        }
        catch (Exception lost) when (lost is IOException or ObjectDisposedException or JsonException or QmpException)
        {
            // The connection is of no more use, whatever ended it; who waits for an answer is told below.
        }

        _closed = true;
        await _stream.DisposeAsync();
        Fail();
    }

    private static TaskCompletionSource NewNext() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Fail()
    {
        Volatile.Read(ref _next).TrySetResult();
        foreach (var answer in _asked.Values)
        {
            answer.TrySetException(Ended());
        }
    }

    private static QmpException Ended() => new(QmpException.Lost, "The connection has ended.");

    private void Take(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw new QmpException(QmpException.Lost, "A message is no object.");
        }

        if (message.TryGetProperty("event", out var name) && name.ValueKind == JsonValueKind.String)
        {
            _onEvent(new QmpEvent(name.GetString()!, message.TryGetProperty("data", out var data) ? data : default));
            Interlocked.Exchange(ref _next, NewNext()).TrySetResult();
            return;
        }

        if (!message.TryGetProperty("id", out var number) || number.ValueKind != JsonValueKind.Number
            || !number.TryGetInt64(out var id) || !_asked.TryGetValue(id, out var answer))
        {
            return;
        }

        if (message.TryGetProperty("return", out var returned))
        {
            answer.TrySetResult(returned);
        }
        else
        {
            answer.TrySetException(ToException(message));
        }
    }

    private static QmpException ToException(JsonElement message)
    {
        if (message.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            && error.TryGetProperty("class", out var errorClass) && errorClass.ValueKind == JsonValueKind.String
            && error.TryGetProperty("desc", out var text) && text.ValueKind == JsonValueKind.String)
        {
            return new QmpException(errorClass.GetString()!, text.GetString()!);
        }

        return new QmpException(QmpException.Lost, "An answer holds neither a result nor an error.");
    }

    /// <summary>The next line as JSON, or null at the end.</summary>
    private async Task<JsonElement?> ReadLineAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(ct);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                var message = Parse(read.Buffer.Slice(0, end));
                _reader.AdvanceTo(read.Buffer.GetPosition(1, end));
                return message;
            }

            if (read.IsCompleted)
            {
                return null;
            }

            if (read.Buffer.Length > LineBytesMax)
            {
                throw new QmpException(QmpException.Lost, "A message is too long.");
            }

            _reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    private static JsonElement Parse(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = DepthMax });
        return JsonElement.ParseValue(ref reader);
    }
}
