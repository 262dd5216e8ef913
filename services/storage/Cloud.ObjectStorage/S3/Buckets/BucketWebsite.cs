using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>GetBucketWebsite</c>, <c>PutBucketWebsite</c>, <c>DeleteBucketWebsite</c>. <see cref="Website"/> serves it.</summary>
internal static class BucketWebsite
{
    private const int RoutesMax = 50;
    private const int TextLengthMax = 1024;

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketWebsite");
        var rules = bucket.Settings.Website ?? throw S3Error.NoSuchWebsite.With(null, ("BucketName", bucket.Name));
        var xml = new S3Xml().OpenRoot("WebsiteConfiguration");
        if (rules.RedirectAll is { } all)
        {
            xml.Open("RedirectAllRequestsTo").Optional("HostName", all.HostName).Optional("Protocol", all.Protocol)
                .Close("RedirectAllRequestsTo");
        }

        if (rules.IndexSuffix is { } suffix)
        {
            xml.Open("IndexDocument").Element("Suffix", suffix).Close("IndexDocument");
        }

        if (rules.ErrorKey is { } error)
        {
            xml.Open("ErrorDocument").Element("Key", error).Close("ErrorDocument");
        }

        if (rules.Routes.Count > 0)
        {
            xml.Open("RoutingRules");
            foreach (var route in rules.Routes)
            {
                Write(xml, route);
            }

            xml.Close("RoutingRules");
        }

        await request.AnswerAsync(xml.Close("WebsiteConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketWebsite");
        var rules = Read(await S3Body.ReadXmlAsync(request, "WebsiteConfiguration"));
        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Website = rules });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:DeleteBucketWebsite", settings => settings with { Website = null });

    private static WebsiteRules Read(XElement document)
    {
        if (document.Child("RedirectAllRequestsTo") is { } all)
        {
            return document.Child("IndexDocument") is null && document.Child("ErrorDocument") is null
                && document.Child("RoutingRules") is null && Header(all, "HostName") is { } host
                ? new WebsiteRules { RedirectAll = new WebsiteRedirect(host, Protocol(all)) }
                : throw S3Error.InvalidArgument.With("RedirectAllRequestsTo needs a HostName, and stands alone.");
        }

        var suffix = document.Child("IndexDocument")?.Text("Suffix");
        if (suffix is null or "" || suffix.Length > TextLengthMax || suffix.Contains('/', StringComparison.Ordinal))
        {
            throw S3Error.InvalidArgument.With("The IndexDocument Suffix is not well formed: a name without '/' is expected.",
                ("ArgumentName", "IndexDocument"));
        }

        var routes = document.Child("RoutingRules")?.Children("RoutingRule").Select(Route).ToList() ?? [];
        return routes.Count <= RoutesMax
            ? new WebsiteRules
            {
                IndexSuffix = suffix,
                ErrorKey = document.Child("ErrorDocument") is { } error ? Key(error.RequireText("Key")) : null,
                Routes = routes,
            }
            : throw S3Error.InvalidRequest.With($"There cannot be more than {RoutesMax} routing rules.");
    }

    private static WebsiteRoute Route(XElement rule)
    {
        var condition = rule.Child("Condition");
        var redirect = rule.Child("Redirect") ?? throw S3Error.MalformedXml.With();
        var (key, prefix) = (redirect.Text("ReplaceKeyWith"), redirect.Text("ReplaceKeyPrefixWith"));
        if (key is not null && prefix is not null)
        {
            throw S3Error.InvalidRequest.With("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
        }

        return new WebsiteRoute(
            condition?.Text("KeyPrefixEquals") is { } begins ? Key(begins) : null,
            condition?.Number("HttpErrorCodeReturnedEquals", 400, 599),
            new WebsiteRedirect(
                Header(redirect, "HostName"), Protocol(redirect), key is null ? null : Key(key), prefix is null ? null : Key(prefix),
                redirect.Number("HttpRedirectCode", 301, 308)));
    }

    /// <summary>A host that stands in an answer's header.</summary>
    private static string? Header(XElement element, string name) => element.Text(name) is not { } host
        ? null
        : host.Length is > 0 and <= 255 && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or ':' or '/' or '_')
            ? host
            : throw S3Error.InvalidRequest.With("The HostName of a redirection is not well formed.");

    private static string? Protocol(XElement element) => element.Text("Protocol") switch
    {
        null => null,
        "http" => "http",
        "https" => "https",
        _ => throw S3Error.InvalidRequest.With("Invalid protocol, protocol can be http or https."),
    };

    private static string Key(string text) => System.Text.Encoding.UTF8.GetByteCount(text) <= TextLengthMax
        ? text
        : throw S3Error.KeyTooLong.With();

    private static void Write(S3Xml xml, WebsiteRoute route)
    {
        xml.Open("RoutingRule");
        if (route.KeyPrefix is not null || route.ErrorStatus is not null)
        {
            xml.Open("Condition").Optional("HttpErrorCodeReturnedEquals", route.ErrorStatus).Optional("KeyPrefixEquals", route.KeyPrefix)
                .Close("Condition");
        }

        xml.Open("Redirect").Optional("HostName", route.Redirect.HostName).Optional("HttpRedirectCode", route.Redirect.Status)
            .Optional("Protocol", route.Redirect.Protocol).Optional("ReplaceKeyPrefixWith", route.Redirect.KeyPrefix)
            .Optional("ReplaceKeyWith", route.Redirect.Key).Close("Redirect").Close("RoutingRule");
    }
}
