using System.Text.Json.Nodes;

namespace Cloud.Messaging;

internal static class BusMessages
{
    /// <summary>An outbox's row as the bus carries it.</summary>
    public static BusMessage ToBusMessage(this OutboxMessage message, string source) =>
        new(message.MessageId, message.Name, message.OrderKey, source, message.At, message.TraceParent, JsonNode.Parse(message.Body)!);
}
