using System.Buffers;
using Cloud.ServiceDefaults.Telemetry;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>
/// The name of one call in all logs and services it passes: <c>X-Request-Id</c> as the caller gave it, else the id of the trace.
/// </summary>
public static class RequestIds
{
    public const string Header = "X-Request-Id";

    public const int LengthMax = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.:/+=@");

    /// <summary>The header where it is there and of an allowed form: it ends in logs and in other services' headers.</summary>
    public static string Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var given = context.Request.Headers[Header];
        return given.Count == 1 && given[0] is { Length: > 0 and <= LengthMax } id && !id.AsSpan().ContainsAnyExcept(Allowed)
            ? id
            : CallTrace.IdOf(context) ?? context.TraceIdentifier;
    }
}
