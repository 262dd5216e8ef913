using Microsoft.Extensions.Primitives;

namespace Cloud.Gateway.Tokens;

/// <summary>The token of a call, and the project that the call names.</summary>
/// <param name="Header">The whole <c>Authorization</c> header: the server hands out the same string again, and no piece is cut from
/// it.</param>
/// <param name="Project">By name or id; null for the token's own.</param>
internal readonly record struct TokenAsked(string Header, string? Project)
{
    private const string Prefix = "Bearer ";

    /// <summary>A header that is longer holds no token of ours, and is not kept.</summary>
    private const int HeaderLengthMax = 512;

    public string Token => Header[Prefix.Length..].Trim();

    /// <returns>False where the call carries no token.</returns>
    public static bool TryRead(HttpRequest request, out TokenAsked asked)
    {
        asked = default;
        var authorization = request.Headers.Authorization;
        if (authorization.Count != 1 || authorization[0] is not { Length: > 0 and <= HeaderLengthMax } header
            || !header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        asked = new TokenAsked(header, ProjectOf(request));
        return true;
    }

    private static string? ProjectOf(HttpRequest request)
    {
        if (!request.QueryString.HasValue || !request.QueryString.Value!.Contains("project", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var project = request.Query["project"];
        return StringValues.IsNullOrEmpty(project) ? null : project.ToString();
    }
}
