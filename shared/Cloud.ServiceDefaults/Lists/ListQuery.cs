using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Lists;

/// <summary>The questions that every list takes: <c>limit, cursor, label, name, status</c>.</summary>
public sealed record ListQuery
{
    public const int LimitDefault = 100;

    public const int LimitMax = 1000;

    /// <summary>A cursor holds the last id of the page before.</summary>
    private const int CursorLengthMax = 200;

    public int Limit { get; private init; } = LimitDefault;

    /// <summary>The page starts after this id; null on the first.</summary>
    public string? After { get; private init; }

    public string? Name { get; private init; }

    public string? Status { get; private init; }

    /// <summary>All of them must match.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Labels { get; private init; } = [];

    public static ValueTask<ListQuery> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var query = context.Request.Query;
        var errors = new FieldErrors();
        var limit = LimitDefault;
        if (query.TryGetValue("limit", out var limitText)
            && (!int.TryParse(limitText, NumberStyles.None, CultureInfo.InvariantCulture, out limit) || limit is < 1 or > LimitMax))
        {
            errors.Add("limit", $"Expected a number from 1 to {LimitMax}.");
        }

        string? after = null;
        if (query.TryGetValue("cursor", out var cursor) && !TryReadCursor(cursor.ToString(), out after))
        {
            errors.Add("cursor", "This is not a cursor that a list gave out.");
        }

        var labels = new List<KeyValuePair<string, string>>();
        foreach (var label in query["label"])
        {
            var equals = (label ?? "").IndexOf('=', StringComparison.Ordinal);
            if (equals < 1)
            {
                errors.Add("label", "Expected key=value.");
                continue;
            }

            labels.Add(new(label![..equals], label[(equals + 1)..]));
        }

        errors.ThrowIfAny();
        return ValueTask.FromResult(new ListQuery
        {
            Limit = limit,
            After = after,
            Name = query.TryGetValue("name", out var name) ? name.ToString() : null,
            Status = query.TryGetValue("status", out var status) ? status.ToString() : null,
            Labels = labels,
        });
    }

    /// <summary>Makes a page of one more row than the limit, and the <c>Link</c> to the next.</summary>
    public Page<TView> ToPage<TRow, TView>(HttpContext context, IReadOnlyList<TRow> rows, Func<TRow, string> idOf, Func<TRow, TView> viewOf)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(idOf);
        string? next = null;
        if (rows.Count > Limit)
        {
            next = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(idOf(rows[Limit - 1])));
            var request = context.Request;
            var query = QueryString.Create(request.Query.Where(pair => pair.Key != "cursor").SelectMany(
                pair => pair.Value.Select(value => new KeyValuePair<string, string?>(pair.Key, value)))).Add("cursor", next);
            context.Response.Headers.Link = $"<{request.PathBase}{request.Path}{query}>; rel=\"next\"";
        }

        return new Page<TView>(rows.Take(Limit).Select(viewOf).ToList(), next);
    }

    private static bool TryReadCursor(string text, out string? after)
    {
        after = null;
        var bytes = new byte[CursorLengthMax];
        if (text.Length is 0 or > CursorLengthMax || !Base64Url.IsValid(text)
            || !Base64Url.TryDecodeFromChars(text, bytes, out var written))
        {
            return false;
        }

        after = Encoding.UTF8.GetString(bytes, 0, written);
        return after.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.' or '_');
    }
}
