using System.Globalization;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Changes;

/// <summary>
/// The caller's <c>If-Match</c>: change only the version that was read (RFC 9110 §13.1.1). The ETag is the row's version.
/// </summary>
public sealed class IfMatch
{
    private readonly string[] _tags;

    private IfMatch(string[] tags) => _tags = tags;

    /// <summary>Of a request that asks for no version.</summary>
    public static IfMatch None { get; } = new([]);

    public static ValueTask<IfMatch> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var tags = context.Request.Headers.IfMatch.SelectMany(value => (value ?? "").Split(',')).Select(tag => tag.Trim());
        return ValueTask.FromResult(new IfMatch(tags.Where(tag => tag.Length > 0).ToArray()));
    }

    public static string TagOf(long version) => string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");

    /// <exception cref="CloudException">The header is there and names another version.</exception>
    public void Require(long version)
    {
        if (_tags.Length > 0 && !_tags.Contains("*") && !_tags.Contains(TagOf(version)))
        {
            throw new CloudException(
                ErrorKind.PreconditionFailed,
                "etag-mismatch",
                $"It has changed since it was read: its ETag is now {TagOf(version)}.");
        }
    }
}
