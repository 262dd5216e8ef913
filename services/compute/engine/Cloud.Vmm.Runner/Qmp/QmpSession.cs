using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>One client of the QEMU Machine Protocol (docs/interop/qmp-spec.txt): a greeting, then a JSON object a line both ways.</summary>
internal sealed class QmpSession(Socket client, QmpCommands commands, QmpEvents events)
{
    private const int LineBytesMax = 1 << 20;
    private const int SendLimitMilliseconds = 5000;

    // Files that no command has taken yet.
    private const int FilesMax = 16;

    private readonly Lock _sending = new();
    private readonly Queue<SafeFileHandle> _files = new();
    private bool _negotiated;

    /// <summary>Serves until the client leaves.</summary>
    internal async Task ServeAsync(CancellationToken ct)
    {
        client.SendTimeout = SendLimitMilliseconds;
        events.Add(this);
        try
        {
            Send(Greeting());
            await foreach (byte[] line in LinesAsync(ct).ConfigureAwait(false))
            {
                if (Answer(line) is { } answer)
                {
                    Send(answer);
                }
            }
        }
        finally
        {
            events.Remove(this);
            Drop();
        }
    }

    internal void SendEvent(JsonObject message)
    {
        if (!Volatile.Read(ref _negotiated))
        {
            return;
        }

        try
        {
            Send(message);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // The reading side notices the same and ends the session.
        }
    }

    private static JsonObject Greeting() => new()
    {
        ["QMP"] = new JsonObject { ["version"] = QmpCommands.Version(), ["capabilities"] = new JsonArray() },
    };

    private JsonObject? Answer(byte[] line)
    {
        JsonNode? id = null;
        try
        {
            if (JsonNode.Parse(line) is not JsonObject command || command["execute"]?.GetValue<string>() is not { } name)
            {
                return QmpCommands.Error("GenericError", "QMP input lacks member 'execute'", null);
            }

            id = command["id"]?.DeepClone();
            if (name == "qmp_capabilities")
            {
                Volatile.Write(ref _negotiated, true);
                return QmpCommands.Return(new JsonObject(), id);
            }

            return _negotiated
                ? commands.Run(new QmpCall(name, command["arguments"] as JsonObject ?? [], TakeFile), id)
                : QmpCommands.Error("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'", id);
        }
        catch (Exception strange) when (strange is JsonException or InvalidOperationException or FormatException)
        {
            return QmpCommands.Error("GenericError", "The input is no command.", id);
        }
    }

    private async IAsyncEnumerable<byte[]> LinesAsync([EnumeratorCancellation] CancellationToken ct)
    {
        byte[] buffer = new byte[4096];
        var line = new MemoryStream();
        while (true)
        {
            // Of no bytes: it only waits until there are some.
            await client.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, ct).ConfigureAwait(false);
            int? size = ControlMessage.Receive(client, buffer, Keep);
            if (size == 0)
            {
                yield break;
            }

            for (int i = 0; i < size; i++)
            {
                if (buffer[i] == (byte)'\n')
                {
                    if (line.Length > 0)
                    {
                        yield return line.ToArray();
                    }

                    line.SetLength(0);
                }
                else if (buffer[i] != (byte)'\r')
                {
                    line.WriteByte(buffer[i]);
                    if (line.Length > LineBytesMax)
                    {
                        yield break;
                    }
                }
            }
        }
    }

    private void Keep(SafeFileHandle file)
    {
        _files.Enqueue(file);
        if (_files.Count > FilesMax)
        {
            _files.Dequeue().Dispose();
        }
    }

    /// <summary>The file that came with a command, or just before it.</summary>
    private SafeFileHandle? TakeFile() => _files.TryDequeue(out SafeFileHandle? file) ? file : null;

    private void Drop()
    {
        while (TakeFile() is { } file)
        {
            file.Dispose();
        }
    }

    private void Send(JsonObject message)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(message.ToJsonString() + "\r\n");
        lock (_sending)
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                sent += client.Send(bytes.AsSpan(sent));
            }
        }
    }
}
