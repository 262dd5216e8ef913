using System.Globalization;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Waiting;

/// <summary>The caller's <c>?wait=SECONDS</c>: hold the answer until the work settles.</summary>
public sealed record WaitQuery(TimeSpan Limit)
{
    private const int SecondsMax = 300;

    /// <summary>Does not wait.</summary>
    public static WaitQuery None { get; } = new(TimeSpan.Zero);

    public bool Waits => Limit > TimeSpan.Zero;

    public static ValueTask<WaitQuery> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (!context.Request.Query.TryGetValue("wait", out var text))
        {
            return ValueTask.FromResult(new WaitQuery(TimeSpan.Zero));
        }

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= SecondsMax
            ? ValueTask.FromResult(new WaitQuery(TimeSpan.FromSeconds(seconds)))
            : throw CloudException.Invalid("wait", $"Expected a number of seconds from 0 to {SecondsMax}.");
    }
}
