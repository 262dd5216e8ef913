using System.Diagnostics.CodeAnalysis;

namespace Cloud.ServiceDefaults.Outbound;

/// <summary>The form of a URL that a user gives for the cloud to call: an image's source, a webhook.</summary>
public static class OutboundUrl
{
    public const string Form = "Expected an absolute http or https URL with no user name in it.";

    private const int LengthMax = 2000;

    public static bool TryParse(string? text, [NotNullWhen(true)] out Uri? url)
    {
        url = null;
        return text is { Length: > 0 and <= LengthMax } && !text.Any(char.IsControl) && Uri.TryCreate(text, UriKind.Absolute, out url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps) && url.UserInfo.Length == 0 && url.Host.Length > 0;
    }
}
