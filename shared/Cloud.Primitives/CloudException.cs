namespace Cloud.Primitives;

/// <summary>
/// A refusal: expected, safe to show to the user, mapped to a response in one place. Anything else that is thrown is a bug.
/// </summary>
public sealed class CloudException : Exception
{
    /// <param name="kind">Why it was refused.</param>
    /// <param name="code">Stable and kebab-case, for programs: <c>name-taken</c>.</param>
    /// <param name="message">For people: what is wrong and what to do.</param>
    /// <param name="inner">Internals, logged and never shown.</param>
    public CloudException(ErrorKind kind, string code, string message, Exception? inner = null)
        : base(message, inner)
    {
        Kind = kind;
        Code = code;
    }

    public ErrorKind Kind { get; }

    public string Code { get; }

    /// <summary>What is wrong with which field, for <see cref="ErrorKind.Invalid"/>: a field's path to its messages.</summary>
    public IReadOnlyDictionary<string, string[]> Errors { get; init; } = new Dictionary<string, string[]>();

    /// <summary>More for programs, as members of the problem document: what holds the resource, which hosts refused.</summary>
    public IReadOnlyDictionary<string, object> Details { get; init; } = new Dictionary<string, object>();

    /// <summary>When to try again, for <see cref="ErrorKind.Throttled"/> and <see cref="ErrorKind.Unavailable"/>.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>A field of the request is wrong.</summary>
    public static CloudException Invalid(string field, string message) =>
        new(ErrorKind.Invalid, "invalid-request", message) { Errors = new Dictionary<string, string[]> { [field] = [message] } };

    /// <summary>Nothing such is visible to the caller.</summary>
    public static CloudException NotFound(string kind, string nameOrId) =>
        new(ErrorKind.NotFound, "not-found", $"There is no {kind} '{nameOrId}'.");

    /// <summary>The state of things forbids it now.</summary>
    public static CloudException Conflict(string code, string message) => new(ErrorKind.Conflict, code, message);
}
