namespace Cloud.ObjectStorage.Buckets;

/// <summary>The rules of bucket names ("Bucket naming rules"): a name is part of a host's name.</summary>
internal static class BucketName
{
    public const int LengthMin = 3;
    public const int LengthMax = 63;

    public const string Form =
        "3 to 63 characters: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit, and no IP address";

    public static bool IsValid(string? name) =>
        name is { Length: >= LengthMin and <= LengthMax }
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
        && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1])
        && !name.Contains("..", StringComparison.Ordinal) && !name.Contains(".-", StringComparison.Ordinal)
        && !name.Contains("-.", StringComparison.Ordinal)
        && !(name.Count(c => c == '.') == 3 && System.Net.IPAddress.TryParse(name, out _));
}
