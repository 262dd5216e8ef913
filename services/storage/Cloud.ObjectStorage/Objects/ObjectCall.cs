using Cloud.ObjectStorage.S3;
using Cloud.Primitives;
using Microsoft.AspNetCore.Http.Features;

namespace Cloud.ObjectStorage.Objects;

/// <summary>What calls of the REST API on objects have in common.</summary>
internal static class ObjectCall
{
    public const int KeyBytesMax = 1024;

    private const string Segment = "/objects/";

    /// <summary>The key as the path has it: a route value would have lost which slashes were encoded.</summary>
    /// <exception cref="CloudException">It is none.</exception>
    public static string KeyOf(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target : target[..question];
        var at = path.IndexOf(Segment, StringComparison.Ordinal);
        if (at < 0)
        {
            throw CloudException.Invalid("key", "The path names no key.");
        }

        try
        {
            return RequireKey(S3Uri.Decode(path[(at + Segment.Length)..], plusIsSpace: false));
        }
        catch (S3Exception refusal)
        {
            throw CloudException.Invalid("key", refusal.Message);
        }
    }

    public static string RequireKey(string? key) =>
        key is { Length: > 0 } && System.Text.Encoding.UTF8.GetByteCount(key) <= KeyBytesMax && !key.Contains('\0',
            StringComparison.Ordinal)
            ? key
            : throw CloudException.Invalid("key", $"Expected a key of 1 to {KeyBytesMax} bytes of UTF-8, without NUL.");
}
