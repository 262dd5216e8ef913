using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Cloud.ObjectStorage.S3;

namespace Cloud.ObjectStorage.Index;

/// <summary>Where a list goes on, as a token that clients give back unread.</summary>
internal static class Cursor
{
    private const int LengthMax = 4096;

    public static string Write(string key, long? rank) => Base64Url.EncodeToString(
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{rank}/{key}")));

    /// <exception cref="S3Exception">It is none that a list gave out.</exception>
    public static (string Key, long? Rank)? Read(string? token)
    {
        if (string.IsNullOrEmpty(token))
        {
            return null;
        }

        if (token.Length is > 0 and <= LengthMax && Base64Url.IsValid(token)
            && Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token)) is var text && !text.Contains('\0', StringComparison.Ordinal)
            && text.IndexOf('/', StringComparison.Ordinal) is >= 0 and var slash)
        {
            if (slash == 0)
            {
                return (text[1..], null);
            }

            if (long.TryParse(text.AsSpan(0, slash), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var rank))
            {
                return (text[(slash + 1)..], rank);
            }
        }

        throw S3Error.InvalidArgument.With("The continuation token provided is incorrect", ("ArgumentName", "continuation-token"));
    }
}
