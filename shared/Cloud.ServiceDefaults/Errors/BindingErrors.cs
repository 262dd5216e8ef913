using Cloud.Primitives;
using Microsoft.AspNetCore.Http;

namespace Cloud.ServiceDefaults.Errors;

/// <summary>Names the parameter that ASP.NET could not bind; its exception has it only in the message.</summary>
internal static class BindingErrors
{
    public static CloudException ToRefusal(BadHttpRequestException bad)
    {
        var text = bad.Message;
        if (text.Contains("Implicit body inferred", StringComparison.Ordinal) || text.Contains("from body", StringComparison.Ordinal)
            || text.Contains("request body", StringComparison.OrdinalIgnoreCase))
        {
            return CloudException.Invalid("body", "A JSON object is expected as the body.");
        }

        // Failed to bind parameter "int tail" from "abc". Required parameter "string path" was not provided from query string.
        var open = text.IndexOf('"', StringComparison.Ordinal);
        var close = open < 0 ? -1 : text.IndexOf('"', open + 1);
        if (close < 0)
        {
            return CloudException.Invalid("request", text);
        }

        var parameter = text[(open + 1)..close];
        var name = parameter[(parameter.LastIndexOf(' ') + 1)..];
        return text.StartsWith("Required", StringComparison.Ordinal)
            ? CloudException.Invalid(name, "It is required.")
            : CloudException.Invalid(name, $"Expected {FormOf(parameter)}.");
    }

    private static string FormOf(string parameter) => parameter switch
    {
        _ when parameter.Contains("int", StringComparison.OrdinalIgnoreCase)
            || parameter.Contains("long", StringComparison.Ordinal) => "an integer",
        _ when parameter.Contains("bool", StringComparison.OrdinalIgnoreCase) => "true or false",
        _ when parameter.Contains("DateTimeOffset", StringComparison.Ordinal) => "a time such as 2026-11-23T14:03:27Z",
        _ => "another form",
    };
}
