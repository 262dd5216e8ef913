using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Cloud.ServiceDefaults;

namespace Cloud.Gateway.Events;

/// <summary>An event as the API shows it.</summary>
/// <param name="Id">Its place in the stream: <c>Last-Event-ID</c> goes on after it.</param>
/// <param name="Type">What happened, kind first: <c>instance.running</c>.</param>
/// <param name="Project">The id of the project; empty for the whole cloud's.</param>
/// <param name="Resource">The id of the resource.</param>
/// <param name="Data">The resource as it was right after.</param>
/// <param name="Actor">The id of the user who asked for it; null for the cloud's own doing.</param>
/// <param name="TraceId">The W3C trace that it belongs to.</param>
public sealed record EventView(
    string Id, string Type, string Project, string Resource, DateTimeOffset At, JsonElement Data, string? Actor, string? TraceId);

/// <summary>An event made ready to be sent, once for all streams.</summary>
internal sealed class StreamedEvent
{
    private StreamedEvent(EventRecord record, byte[] message)
    {
        Position = record.Position;
        Project = record.Project;
        Type = record.Type;
        Resource = record.Resource;
        Message = message;
    }

    public long Position { get; }

    public string Project { get; }

    public string Type { get; }

    public string Resource { get; }

    /// <summary>
    /// As Server-Sent Events has it (HTML §9.2). Without a line <c>event:</c>, so that a browser's <c>onmessage</c> gets every type, those
    /// too that are invented later.
    /// </summary>
    public byte[] Message { get; }

    public static StreamedEvent From(EventRecord record)
    {
        using var data = JsonDocument.Parse(record.Data);
        var id = record.Position.ToString(CultureInfo.InvariantCulture);
        var view = new EventView(
            id, record.Type, record.Project, record.Resource, record.At, data.RootElement, record.Actor, record.TraceId);
        var message = new ArrayBufferWriter<byte>(512);
        message.Write(Encoding.ASCII.GetBytes($"id: {id}\ndata: "));
        using (var json = new Utf8JsonWriter(message))
        {
            // Written on one line: a line feed would end the field.
            JsonSerializer.Serialize(json, view, JsonDefaults.Options);
        }

        message.Write("\n\n"u8);
        return new StreamedEvent(record, message.WrittenSpan.ToArray());
    }
}
