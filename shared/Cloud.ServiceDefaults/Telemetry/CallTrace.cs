using System.Diagnostics;
using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Telemetry;

/// <summary>
/// The W3C trace that a call belongs to, also in a process that makes no activities: there the call's own <c>traceparent</c> says it, and
/// a call that came without one is given one.
/// </summary>
public static class CallTrace
{
    /// <summary>A <c>traceparent</c> of version 00 (Trace Context §3.2).</summary>
    private const int LengthMin = 55;

    private const int IdAt = 3;
    private const int IdLength = 32;

    /// <summary>Gives the call a trace, where it has none.</summary>
    internal static void Begin(HttpRequest request)
    {
        if (Activity.Current is not null || IsValid(request.Headers.TraceParent.ToString()))
        {
            return;
        }

        request.Headers.TraceState = default;
        request.Headers.TraceParent = string.Create(
            CultureInfo.InvariantCulture,
            $"00-{ActivityTraceId.CreateRandom().ToHexString()}-{ActivitySpanId.CreateRandom().ToHexString()}-00");
    }

    /// <returns>32 hexadecimal digits; null where the call has not come in by <c>CallEdge</c>.</returns>
    public static string? IdOf(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Activity.Current?.TraceId.ToHexString()
            ?? (context.Request.Headers.TraceParent.ToString() is { Length: >= LengthMin } parent
                ? parent.Substring(IdAt, IdLength)
                : null);
    }

    private static bool IsValid(string parent) => parent.Length >= LengthMin && ActivityContext.TryParse(parent, null, out _);
}
