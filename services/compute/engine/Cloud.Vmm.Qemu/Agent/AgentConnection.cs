using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Qemu.Agent;

/// <summary>
/// A connection to the guest's agent: JSON lines, one request and its answer at a time. The guest is hostile: an answer is bounded, and one
/// that makes no sense ends the connection.
/// </summary>
internal sealed class AgentConnection : IAsyncDisposable
{
    // Two streams of 16 MiB in base64, and room.
    private const int AnswerBytesMax = 48 << 20;
    private const byte Sentinel = 0xff;

    /// <summary>How long one attempt to get in step waits for its answer.</summary>
    private static readonly TimeSpan StepLimit = TimeSpan.FromMilliseconds(500);

    private readonly Stream _stream;
    private readonly PipeReader _reader;

    private AgentConnection(Stream stream)
    {
        _stream = stream;
        _reader = PipeReader.Create(stream);
    }

    /// <summary>Takes the stream over. Nothing is said before <see cref="GetInStepAsync"/>.</summary>
    public static AgentConnection Over(Stream stream) => new(stream);

    /// <summary>
    /// Puts both ends in step: whatever an agent has left to say to one before us ends at the sentinel (qga/qapi-schema.json,
    /// guest-sync-delimited). Waits for an agent that is not there yet, as while its guest boots, or again, after a reboot.
    /// </summary>
    public async Task GetInStepAsync(CancellationToken ct)
    {
        while (!await TryGetInStepAsync(ct))
        {
            // The agent has not opened its end: what was said is lost, and is said again.
        }
    }

    /// <summary>True when the agent has answered within <see cref="StepLimit"/>.</summary>
    private async Task<bool> TryGetInStepAsync(CancellationToken ct)
    {
        var id = RandomNumberGenerator.GetInt32(int.MaxValue);
        await _stream.WriteAsync(new byte[] { Sentinel }, ct);
        await WriteAsync("guest-sync-delimited", new JsonObject { ["id"] = id }, ct);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(StepLimit);
        try
        {
            JsonElement answer;
            do
            {
                await SkipToSentinelAsync(limit.Token);
                answer = await ReadAsync(limit.Token);
            }
            while (answer.ValueKind != JsonValueKind.Number || !answer.TryGetInt32(out var echo) || echo != id);

            return true;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <exception cref="VmException">The agent refused; the message is its own.</exception>
    public async Task<JsonElement> AskAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        await WriteAsync(command, arguments, ct);
        return await ReadAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _reader.CompleteAsync();
        await _stream.DisposeAsync();
    }

    private async Task WriteAsync(string command, JsonObject? arguments, CancellationToken ct)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        await _stream.WriteAsync(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"), ct);
    }

    private async Task SkipToSentinelAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(ct);
            var found = read.Buffer.PositionOf(Sentinel);
            _reader.AdvanceTo(found is { } at ? read.Buffer.GetPosition(1, at) : read.Buffer.End);
            if (found is not null)
            {
                return;
            }

            RequireMore(read);
        }
    }

    private async Task<JsonElement> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            var read = await _reader.ReadAsync(ct);
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                try
                {
                    return Parse(read.Buffer.Slice(0, end));
                }
                finally
                {
                    _reader.AdvanceTo(read.Buffer.GetPosition(1, end));
                }
            }

            if (read.Buffer.Length > AnswerBytesMax)
            {
                throw new InvalidDataException("The guest's agent answered more than is taken.");
            }

            _reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            RequireMore(read);
        }
    }

    private static void RequireMore(ReadResult read)
    {
        if (read.IsCompleted)
        {
            throw new EndOfStreamException("The channel to the guest's agent has ended.");
        }
    }

    private static JsonElement Parse(ReadOnlySequence<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        var answer = JsonElement.ParseValue(ref reader);
        if (answer.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException("The guest's agent answered what is no object.");
        }

        if (answer.TryGetProperty("return", out var returned))
        {
            return returned;
        }

        var text = answer.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object
            && error.TryGetProperty("desc", out var description) && description.ValueKind == JsonValueKind.String
                ? description.GetString()
                : "it does not say why";
        throw new VmException($"The guest's agent refused: {text}");
    }
}
