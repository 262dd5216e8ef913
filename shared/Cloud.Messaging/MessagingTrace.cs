using System.Diagnostics;

namespace Cloud.Messaging;

/// <summary>Spans of handlers and saga steps, under the trace of the request that caused them.</summary>
public static class MessagingTrace
{
    /// <summary>The name to subscribe telemetry to.</summary>
    public const string SourceName = "Cloud.Messaging";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Goes on with a trace, also where nobody records it, so that what is published here belongs to it.</summary>
    internal static Activity? Continue(string name, string? traceParent)
    {
        if (!ActivityContext.TryParse(traceParent, null, out var parent))
        {
            return Source.StartActivity(name);
        }

        return Source.StartActivity(name, ActivityKind.Internal, parent)
            ?? new Activity(name).SetParentId(parent.TraceId, parent.SpanId, parent.TraceFlags).Start();
    }
}
