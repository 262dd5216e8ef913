namespace Cloud.Identity.Contracts;

/// <summary>
/// What a token may be limited to: a service (<c>compute</c>), reading a service (<c>compute:read</c>) or reading all of them
/// (<c>read</c>). A token with several may do what any of them allows.
/// </summary>
public static class TokenScopes
{
    public const string Read = "read";

    public const string ReadSuffix = ":read";

    /// <summary>The services by the names of their documents, which their routes carry.</summary>
    public static IReadOnlyList<string> Services { get; } =
        ["identity", "compute", "block-storage", "object-storage", "database", "backup", "gateway"];

    /// <summary>For messages: what may stand in the list.</summary>
    public static string Form { get; } = $"\"{Read}\", a service ({string.Join(", ", Services)}), or a service with \"{ReadSuffix}\"";

    public static bool IsValid(string? scope) => scope == Read || (scope is not null && Services.Contains(ServiceOf(scope)));

    /// <summary>Whether a token with these scopes may make a call.</summary>
    /// <param name="service">The service that the route belongs to; null where it belongs to none.</param>
    /// <param name="reads">The call changes nothing.</param>
    public static bool Allow(IReadOnlyCollection<string> scopes, string? service, bool reads)
    {
        ArgumentNullException.ThrowIfNull(scopes);
        return scopes.Count == 0 || scopes.Any(scope =>
            scope == service || (reads && (scope == Read || (service is not null && scope == service + ReadSuffix))));
    }

    /// <summary>Whether all that the asked scopes allow is allowed by the held ones too.</summary>
    public static bool Cover(IReadOnlyCollection<string> held, IReadOnlyCollection<string> asked)
    {
        ArgumentNullException.ThrowIfNull(held);
        ArgumentNullException.ThrowIfNull(asked);
        return held.Count == 0 || (asked.Count > 0 && asked.All(scope => scope == Read
            ? held.Contains(Read)
            : Allow(held, ServiceOf(scope), scope.EndsWith(ReadSuffix, StringComparison.Ordinal))));
    }

    private static string ServiceOf(string scope) =>
        scope.EndsWith(ReadSuffix, StringComparison.Ordinal) ? scope[..^ReadSuffix.Length] : scope;
}
