using System.Net.Http.Headers;
using System.Text.Json;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Errors;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Changes;

/// <summary>
/// A JSON merge patch (RFC 7396) of the fields of <typeparamref name="TFields"/>: a field that is absent stays, <c>null</c> resets it.
/// </summary>
public sealed class MergePatch<TFields>
    where TFields : class
{
    private readonly HashSet<string> _present;

    private MergePatch(TFields fields, HashSet<string> present)
    {
        Fields = fields;
        _present = present;
    }

    /// <summary>The values; meaningful for what <see cref="Has"/> says is present.</summary>
    public TFields Fields { get; }

    /// <param name="field">The property's name; <c>nameof(TFields.Name)</c>.</param>
    public bool Has(string field) => _present.Contains(field);

    public static async ValueTask<MergePatch<TFields>> BindAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        RequireJson(context.Request.ContentType);
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, JsonDefaults.DocumentOptions, context.RequestAborted);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw CloudException.Invalid("body", "Expected a JSON object with the fields to change.");
            }

            var fields = document.RootElement.Deserialize<TFields>(JsonDefaults.Options)!;
            // As the names are read: without regard to case.
            return new MergePatch<TFields>(
                fields,
                document.RootElement.EnumerateObject().Select(property => property.Name).ToHashSet(StringComparer.OrdinalIgnoreCase));
        }
        catch (JsonException json)
        {
            throw JsonErrors.ToRefusal(json);
        }
        catch (InvalidOperationException)
        {
            // What the reader throws for half of a surrogate pair in a field's name, which it compares with the others.
            throw CloudException.Invalid("body", "A field's name is no Unicode text.");
        }
    }

    private static void RequireJson(string? type)
    {
        var media = MediaTypeHeaderValue.TryParse(type, out var parsed) ? parsed.MediaType : null;
        if (media is not ("application/json" or "application/merge-patch+json"))
        {
            throw new CloudException(
                ErrorKind.UnsupportedFormat, "unsupported-media-type",
                "The body must be a merge patch: Content-Type: application/merge-patch+json, or application/json.");
        }
    }
}
