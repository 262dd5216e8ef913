using System.Globalization;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Audit;

/// <summary>
/// What the audit log can be asked: <c>user, token, action, resource, outcome, traceId, since, until</c>; by an admin also
/// <c>allProjects</c>.
/// </summary>
internal static class AuditQuery
{
    private const int TextLengthMax = 1000;

    /// <summary>The entries that the caller sees and asks for.</summary>
    /// <exception cref="CloudException">A question has a wrong form.</exception>
    public static IQueryable<AuditEntry> Asked(this IQueryable<AuditEntry> entries, Caller caller, IQueryCollection query)
    {
        var rows = entries.VisibleTo(caller, IsSet(query, "allProjects"));
        if (Text(query, "user") is { } user)
        {
            rows = rows.Where(entry => entry.User == user);
        }

        if (Text(query, "token") is { } token)
        {
            rows = rows.Where(entry => entry.Token == token);
        }

        if (Text(query, "resource") is { } resource)
        {
            rows = rows.Where(entry => entry.Resource == resource);
        }

        if (Text(query, "traceId") is { } traceId)
        {
            rows = rows.Where(entry => entry.TraceId == traceId);
        }

        if (Text(query, "action") is { } action)
        {
            // "instance." asks for all that happens to instances.
            rows = action.EndsWith('.')
                ? rows.Where(entry => entry.Action.StartsWith(action))
                : rows.Where(entry => entry.Action == action);
        }

        if (Text(query, "outcome") is { } outcomeText)
        {
            var outcome = EnumWords.Parse<AuditOutcome>(outcomeText, "outcome");
            rows = rows.Where(entry => entry.Outcome == outcome);
        }

        if (Time(query, "since") is { } since)
        {
            rows = rows.Where(entry => entry.At >= since);
        }

        return Time(query, "until") is { } until ? rows.Where(entry => entry.At < until) : rows;
    }

    public static IQueryable<AuditEntry> VisibleTo(this IQueryable<AuditEntry> entries, Caller caller, bool allProjects)
    {
        if (!allProjects)
        {
            return entries.Where(entry => entry.Project == caller.Project);
        }

        return caller.IsAdmin
            ? entries
            : throw new CloudException(ErrorKind.Forbidden, "forbidden", "Only an admin sees the audit log of all projects.");
    }

    private static bool IsSet(IQueryCollection query, string name) => Text(query, name) switch
    {
        null or "false" => false,
        "true" => true,
        _ => throw CloudException.Invalid(name, "Expected true or false."),
    };

    private static string? Text(IQueryCollection query, string name)
    {
        if (!query.TryGetValue(name, out var values))
        {
            return null;
        }

        var text = values.ToString();
        return text.Length is > 0 and <= TextLengthMax
            ? text
            : throw CloudException.Invalid(name, $"Expected 1 to {TextLengthMax} characters.");
    }

    private static DateTimeOffset? Time(IQueryCollection query, string name)
    {
        if (Text(query, name) is not { } text)
        {
            return null;
        }

        const DateTimeStyles Utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, Utc, out var at)
            ? at
            : throw CloudException.Invalid(name, "Expected a time such as 2026-11-23T14:03:27Z.");
    }
}
