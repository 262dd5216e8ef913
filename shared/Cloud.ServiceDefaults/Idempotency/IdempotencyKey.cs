using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>The key of one call, and what the call must share with the first that had it.</summary>
/// <param name="Value">As the caller sent it.</param>
/// <param name="Id">Of the row: keys are each caller's own.</param>
/// <param name="Fingerprint">Of method, path, query and body.</param>
internal sealed record IdempotencyKey(string Value, string Id, string Fingerprint)
{
    public const string Header = "Idempotency-Key";

    private const int LengthMax = 255;

    /// <summary>Reads the header, and the body for its hash; the body can then be read again.</summary>
    /// <param name="streamed">The body is of any length and read once: its declared length stands for it.</param>
    /// <exception cref="CloudException">The header has a wrong form.</exception>
    public static async Task<IdempotencyKey> ReadAsync(HttpContext context, bool streamed)
    {
        var header = context.Request.Headers[Header];
        var value = header.Count == 1 ? header[0]! : "";
        if (value.Length is 0 or > LengthMax || value.Any(c => c is < '!' or > '~'))
        {
            throw CloudException.Invalid(Header, $"Expected one key of 1 to {LengthMax} visible ASCII characters, such as a UUID.");
        }

        var caller = await Caller.BindAsync(context);
        var body = streamed ? BitConverter.GetBytes(context.Request.ContentLength ?? -1) : await BufferAsync(context);
        return new IdempotencyKey(value, Hash([caller.Project, caller.Subject, value], []), Hash(
            [context.Request.Method, context.Request.Path.Value ?? "", .. QueryOf(context.Request)], body));
    }

    /// <summary>How long a caller wants to wait does not change what is asked.</summary>
    private static IEnumerable<string> QueryOf(HttpRequest request) => request.Query
        .Where(pair => pair.Key != "wait")
        .OrderBy(pair => pair.Key, StringComparer.Ordinal)
        .SelectMany(pair => new[] { pair.Key, pair.Value.ToString() });

    private static async Task<byte[]> BufferAsync(HttpContext context)
    {
        // The server bounds it: BodyLimits.
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        body.Position = 0;
        context.Request.Body = body;
        return body.ToArray();
    }

    /// <summary>Each part goes in with its length, so that no two lists of parts make the same bytes.</summary>
    private static string Hash(IEnumerable<string> parts, byte[] rest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        hash.AppendData(rest);
        return Base64Url.EncodeToString(hash.GetHashAndReset());
    }
}
