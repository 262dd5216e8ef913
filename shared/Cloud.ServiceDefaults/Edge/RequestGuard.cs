using System.Net.Http.Headers;
using System.Text;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Edge;

/// <summary>
/// Refuses what no part behind it takes, in one place: NUL in a query (PostgreSQL has no such character; in JSON
/// <see cref="JsonDefaults"/> refuses it, in a path Kestrel), and JSON in another encoding than UTF-8 (RFC 8259 §8.1).
/// </summary>
internal static class RequestGuard
{
    private const string Json = "json";

    /// <exception cref="CloudException">The request is one of those.</exception>
    public static void Check(HttpRequest request)
    {
        if (request.QueryString.HasValue && request.QueryString.Value!.Contains("%00", StringComparison.Ordinal))
        {
            RefuseNul(request);
        }

        if (request.ContentType is { } type && type.Contains("charset", StringComparison.OrdinalIgnoreCase)
            && type.Contains(Json, StringComparison.OrdinalIgnoreCase))
        {
            RequireUtf8(type);
        }
    }

    private static void RefuseNul(HttpRequest request)
    {
        foreach (var (name, values) in request.Query)
        {
            if (name.Contains('\0', StringComparison.Ordinal))
            {
                throw CloudException.Invalid("query", "A parameter's name holds the character NUL.");
            }

            foreach (var value in values)
            {
                if (value?.Contains('\0', StringComparison.Ordinal) == true)
                {
                    throw CloudException.Invalid(name, "The character NUL is not allowed.");
                }
            }
        }
    }

    private static void RequireUtf8(string type)
    {
        var charset = MediaTypeHeaderValue.TryParse(type, out var parsed) ? parsed.CharSet?.Trim('"') : "";
        if (charset is not null && !charset.Equals(Encoding.UTF8.WebName, StringComparison.OrdinalIgnoreCase)
            && !charset.Equals(Encoding.ASCII.WebName, StringComparison.OrdinalIgnoreCase))
        {
            throw new CloudException(ErrorKind.UnsupportedFormat, "unsupported-media-type", "JSON must be in UTF-8.")
            {
                Errors = new Dictionary<string, string[]> { ["Content-Type"] = ["Expected application/json, in UTF-8."] },
            };
        }
    }
}
