using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>Says in the API's words what System.Text.Json found wrong: which field, and what is allowed there.</summary>
internal static class JsonErrors
{
    /// <summary>A name that the caller chose is shown, but not a megabyte of it.</summary>
    private const int ShownMax = 120;

    private static readonly (string Type, string Expected)[] Expectations =
    [
        // Lists and objects first: their names hold those of what is in them.
        ("Dictionary`2", "Expected an object of strings."), ("List`1", "Expected a list."), ("[]", "Expected a list."),
        ("System.Int32", "Expected an integer."), ("System.Int64", "Expected an integer."), ("System.Double", "Expected a number."),
        ("System.String", "Expected a string."), ("System.Boolean", "Expected true or false."),
    ];

    /// <summary>The refusal, by the field's path: <c>ports[0].guest</c>; <c>body</c> where the text is no JSON at all.</summary>
    public static CloudException ToRefusal(JsonException json)
    {
        var field = FieldOf(json.Path);
        var text = WithoutPosition(json.Message);
        if (Quoted(text, "The JSON property '") is { } unknown)
        {
            return CloudException.Invalid(unknown, "There is no such field.");
        }

        if (Quoted(text, "Duplicate property '") is { } twice)
        {
            return CloudException.Invalid(twice, "It is there more than once.");
        }

        if (text.Contains("missing required properties", StringComparison.Ordinal))
        {
            return Missing(field, text);
        }

        if (text.StartsWith("The JSON value could not be converted", StringComparison.Ordinal))
        {
            return CloudException.Invalid(field, Expected(text));
        }

        if (text.Contains("doesn't allow", StringComparison.Ordinal) && text.Contains("null", StringComparison.Ordinal))
        {
            return CloudException.Invalid(field, "It must not be null.");
        }

        return field == "body"
            ? CloudException.Invalid(field, $"This is not JSON as expected: {Shown(text)}")
            : CloudException.Invalid(field, Shown(text));
    }

    private static string FieldOf(string? path)
    {
        if (path is null || path.Length < 2 || path[0] != '$')
        {
            return "body";
        }

        return Shown(path[1] == '.' ? path[2..] : path[1..]);
    }

    /// <summary>The message without what follows it in every one: path, line and position.</summary>
    private static string WithoutPosition(string text)
    {
        var cut = text.IndexOf(" Path: ", StringComparison.Ordinal);
        cut = cut < 0 ? text.IndexOf(" LineNumber: ", StringComparison.Ordinal) : cut;
        return cut > 0 ? text[..cut] : text;
    }

    private static string? Quoted(string text, string start)
    {
        if (!text.StartsWith(start, StringComparison.Ordinal))
        {
            return null;
        }

        var end = text.IndexOf('\'', start.Length);
        return end < 0 ? null : Shown(text[start.Length..end]);
    }

    /// <summary>"… including: 'name', 'image'." or, of parameters, "…: name; image".</summary>
    private static CloudException Missing(string parent, string text)
    {
        var errors = new FieldErrors();
        var colon = text.LastIndexOf(": ", StringComparison.Ordinal);
        foreach (var name in text[(colon + 1)..].Split([',', ';'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var field = name.Trim('\'', '.', ' ');
            errors.Add(parent == "body" ? field : $"{parent}.{field}", "This field is required.");
        }

        return errors.Any ? errors.ToRefusal() : CloudException.Invalid(parent, "A required field is missing.");
    }

    private static string Expected(string text)
    {
        foreach (var (type, expected) in Expectations)
        {
            if (text.Contains(type, StringComparison.Ordinal))
            {
                return expected;
            }
        }

        return "The value has the wrong type or form.";
    }

    private static string Shown(string text)
    {
        var shown = text.Length <= ShownMax ? text : text[..ShownMax] + "…";
        return new string(shown.Select(c => char.IsControl(c) ? '�' : c).ToArray());
    }
}
