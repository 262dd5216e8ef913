namespace Cloud.Primitives;

/// <summary>The rules that names and labels of all resources keep, so that a name can stand in a host name, a path and a log.</summary>
public static class ResourceName
{
    public const int LengthMax = 63;

    public const string Form = "1 to 63 characters: lower-case letters, digits and '-', starting and ending with a letter or digit";

    public const int LabelsMax = 64;

    public const int LabelKeyLengthMax = 128;

    public const int LabelValueLengthMax = 256;

    /// <summary>RFC 1123's label in lower case.</summary>
    public static bool IsValid(string? name) =>
        name is { Length: > 0 and <= LengthMax } && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1])
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    /// <exception cref="CloudException">The name has another form; the field is named.</exception>
    public static string Require(string? name, string field) =>
        IsValid(name) ? name! : throw CloudException.Invalid(field, $"Expected {Form}.");

    /// <summary>Checks labels: bounded in number and length, with no control characters.</summary>
    public static void CheckLabels(IReadOnlyDictionary<string, string>? labels, FieldErrors errors, string field = "labels")
    {
        ArgumentNullException.ThrowIfNull(errors);
        if (labels is null)
        {
            return;
        }

        errors.Require(labels.Count <= LabelsMax, field, $"At most {LabelsMax} labels.");
        foreach (var (key, value) in labels.Take(LabelsMax))
        {
            errors.Require(
                key.Length is > 0 and <= LabelKeyLengthMax
                    && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or ':'),
                field,
                $"A label's key has 1 to {LabelKeyLengthMax} characters of letters, digits and '-_./:'.");
            errors.Require(
                value is not null && value.Length <= LabelValueLengthMax && !value.Any(char.IsControl),
                field,
                $"A label's value has at most {LabelValueLengthMax} characters and no control character.");
        }
    }
}
