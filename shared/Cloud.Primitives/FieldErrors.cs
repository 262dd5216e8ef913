namespace Cloud.Primitives;

/// <summary>Gathers what is wrong with a request, field by field, so that one answer names all of it.</summary>
public sealed class FieldErrors
{
    private readonly SortedDictionary<string, List<string>> _errors = new(StringComparer.Ordinal);

    public bool Any => _errors.Count > 0;

    /// <param name="field">The field's path as in the JSON: <c>ports[0].guest</c>.</param>
    /// <param name="message">What is wrong and what is allowed.</param>
    public void Add(string field, string message)
    {
        if (!_errors.TryGetValue(field, out var messages))
        {
            _errors[field] = messages = [];
        }

        messages.Add(message);
    }

    /// <summary>Adds the message where the condition does not hold.</summary>
    public void Require(bool condition, string field, string message)
    {
        if (!condition)
        {
            Add(field, message);
        }
    }

    /// <exception cref="CloudException">Something was added.</exception>
    public void ThrowIfAny()
    {
        if (Any)
        {
            throw ToRefusal();
        }
    }

    /// <summary>The refusal that names all of what was added; something must have been.</summary>
    public CloudException ToRefusal()
    {
        var first = _errors.First();
        return new CloudException(ErrorKind.Invalid, "invalid-request", $"{first.Key}: {first.Value[0]}")
        {
            Errors = _errors.ToDictionary(pair => pair.Key, pair => pair.Value.ToArray()),
        };
    }
}
