using System.Text.Json.Nodes;

namespace Cloud.Messaging;

/// <summary>A message as the bus carries it. Contract on the wire: it only grows.</summary>
/// <param name="Id">By which it is handled once.</param>
/// <param name="Name">The stable name of its type; services subscribe by it.</param>
/// <param name="OrderKey">Messages of a key are handled in their order.</param>
/// <param name="Source">The service that published it.</param>
/// <param name="At">When it was published.</param>
/// <param name="TraceParent">W3C <c>traceparent</c> of the work that published it.</param>
public sealed record BusMessage(
    string Id, string Name, string OrderKey, string Source, DateTimeOffset At, string? TraceParent, JsonNode Body);
