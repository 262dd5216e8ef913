using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>GetBucketCors</c>, <c>PutBucketCors</c>, <c>DeleteBucketCors</c>.</summary>
internal static class BucketCors
{
    private const int RulesMax = 100;

    private static readonly string[] Methods = ["GET", "PUT", "HEAD", "POST", "DELETE"];

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketCORS");
        var rules = bucket.Settings.Cors ?? throw S3Error.NoSuchCors.With(null, ("BucketName", bucket.Name));
        var xml = new S3Xml().OpenRoot("CORSConfiguration");
        foreach (var rule in rules)
        {
            xml.Open("CORSRule").Optional("ID", rule.Id);
            Write(xml, "AllowedOrigin", rule.Origins);
            Write(xml, "AllowedMethod", rule.Methods);
            Write(xml, "AllowedHeader", rule.Headers);
            Write(xml, "ExposeHeader", rule.ExposeHeaders);
            xml.Optional("MaxAgeSeconds", rule.MaxAgeSeconds).Close("CORSRule");
        }

        await request.AnswerAsync(xml.Close("CORSConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketCORS");
        var document = await S3Body.ReadXmlAsync(request, "CORSConfiguration");
        var rules = document.Children("CORSRule").Select(Read).ToList();
        if (rules.Count is 0 or > RulesMax)
        {
            throw S3Error.MalformedXml.With();
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Cors = rules });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutBucketCORS", settings => settings with { Cors = null });

    private static CorsRule Read(XElement element)
    {
        List<string> All(string name) => element.Children(name).Select(child => child.Value).ToList();
        var rule = new CorsRule
        {
            Id = element.Text("ID"),
            Origins = All("AllowedOrigin"),
            Methods = All("AllowedMethod"),
            Headers = All("AllowedHeader"),
            ExposeHeaders = All("ExposeHeader"),
            MaxAgeSeconds = element.Number("MaxAgeSeconds", 0, int.MaxValue),
        };
        if (rule.Origins.Count == 0 || rule.Methods.Count == 0)
        {
            throw S3Error.MalformedXml.With();
        }

        foreach (var method in rule.Methods.Where(method => !Methods.Contains(method)))
        {
            throw S3Error.InvalidRequest.With($"Found unsupported HTTP method in CORS config. Unsupported method is {method}");
        }

        // What stands in a header of an answer must be able to.
        if (rule.ExposeHeaders.Concat(rule.Origins).Any(text => !text.All(c => c is > ' ' and < '\x7f')))
        {
            throw S3Error.InvalidRequest.With("Origins and headers in a CORS rule are ASCII, with no spaces.");
        }

        return rule.Origins.Concat(rule.Headers).Any(text => text.Count(c => c == '*') > 1)
            ? throw S3Error.InvalidRequest.With("AllowedOrigin and AllowedHeader can not have more than one wildcard.")
            : rule;
    }

    private static void Write(S3Xml xml, string name, IReadOnlyList<string> values)
    {
        foreach (var value in values)
        {
            xml.Element(name, value);
        }
    }
}
