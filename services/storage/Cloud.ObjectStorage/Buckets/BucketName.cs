namespace Cloud.ObjectStorage.Buckets;

/// <summary>The rules of bucket names ("Bucket naming rules"): a name is part of a host's name.</summary>
internal static class BucketName
{
    public const int LengthMin = 3;
    public const int LengthMax = 63;

    /// <summary>Begins the names of the cloud's own buckets, which no user can give.</summary>
    public const string PrivatePrefix = "cloud-private-";

    public const string Form =
        "3 to 63 characters: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit, no IP address, and not"
        + $" beginning with '{PrivatePrefix}'";

    public static bool IsValid(string? name) =>
        name is { Length: >= LengthMin and <= LengthMax }
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.')
        && !name.StartsWith(PrivatePrefix, StringComparison.Ordinal)
        && char.IsAsciiLetterOrDigit(name[0]) && char.IsAsciiLetterOrDigit(name[^1])
        && !name.Contains("..", StringComparison.Ordinal) && !name.Contains(".-", StringComparison.Ordinal)
        && !name.Contains("-.", StringComparison.Ordinal)
        && !(name.Count(c => c == '.') == 3 && System.Net.IPAddress.TryParse(name, out _));
}
