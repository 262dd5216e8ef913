using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary>The operations on a bucket's lifecycle configuration: expiry, noncurrent versions, unfinished uploads.</summary>
internal static class BucketLifecycle
{
    private const int RulesMax = 1000;
    private const int IdLengthMax = 255;

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetLifecycleConfiguration");
        var rules = bucket.Settings.Lifecycle ?? throw S3Error.NoSuchLifecycle.With(null, ("BucketName", bucket.Name));
        var xml = new S3Xml().OpenRoot("LifecycleConfiguration");
        foreach (var rule in rules)
        {
            Write(xml, rule);
        }

        await request.AnswerAsync(xml.Close("LifecycleConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutLifecycleConfiguration");
        var document = await S3Body.ReadXmlAsync(request, "LifecycleConfiguration");
        var rules = document.Children("Rule").Select(Read).ToList();
        if (rules.Count is 0 or > RulesMax)
        {
            throw S3Error.MalformedXml.With();
        }

        if (rules.GroupBy(rule => rule.Id).Any(same => same.Count() > 1))
        {
            throw S3Error.InvalidArgument.With("Rule ID must be unique. Found same ID for more than one rule");
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Lifecycle = rules });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutLifecycleConfiguration", settings => settings with { Lifecycle = null });

    private static LifecycleRule Read(XElement element)
    {
        if (element.Child("Transition") is not null || element.Child("NoncurrentVersionTransition") is not null)
        {
            foreach (var transition in element.Children("Transition"))
            {
                _ = Date(transition);
            }

            throw S3Error.NotImplemented.With("There is one storage class: nothing moves to another.");
        }

        var id = element.Text("ID") is { Length: > 0 } given ? given : Guid.NewGuid().ToString("N");
        if (id.Length > IdLengthMax)
        {
            throw S3Error.InvalidArgument.With("ID length should not exceed allowed limit of 255");
        }

        var filter = element.Child("Filter");
        var all = filter?.Child("And") ?? filter;
        var expiration = element.Child("Expiration");
        var noncurrent = element.Child("NoncurrentVersionExpiration");
        var rule = new LifecycleRule
        {
            Id = id,
            Enabled = element.Text("Status") switch
            {
                "Enabled" => true,
                "Disabled" => false,
                _ => throw S3Error.MalformedXml.With(),
            },
            LegacyPrefix = filter is null ? element.Text("Prefix") ?? "" : null,
            Prefix = (filter is null ? element.Text("Prefix") : all!.Text("Prefix")) ?? "",
            Tags = all?.Children("Tag").ToDictionary(tag => tag.RequireText("Key"), tag => tag.RequireText("Value")) ?? [],
            SizeGreaterThan = Size(all, "ObjectSizeGreaterThan"),
            SizeLessThan = Size(all, "ObjectSizeLessThan"),
            ExpirationDays = Days(expiration, "Days"),
            ExpirationDate = Date(expiration),
            ExpiredDeleteMarker = expiration?.Text("ExpiredObjectDeleteMarker") == "true",
            NoncurrentDays = Days(noncurrent, "NoncurrentDays"),
            NewerNoncurrentVersions = Days(noncurrent, "NewerNoncurrentVersions"),
            AbortMultipartDays = Days(element.Child("AbortIncompleteMultipartUpload"), "DaysAfterInitiation"),
        };
        return rule.ExpirationDays is null && rule.ExpirationDate is null && !rule.ExpiredDeleteMarker && rule.NoncurrentDays is null
            && rule.AbortMultipartDays is null
            ? throw S3Error.InvalidRequest.With("At least one action needs to be specified in a rule")
            : rule;
    }

    private static int? Days(XElement? element, string name) => element?.Text(name) is not { } text
        ? null
        : int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var days) && days > 0
            ? days
            : throw S3Error.InvalidArgument.With($"'{name}' for a lifecycle rule must be a positive integer");

    private static long? Size(XElement? element, string name) => element?.Text(name) is not { } text
        ? null
        : long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var size) && size >= 0
            ? size
            : throw S3Error.InvalidRequest.With($"'{name}' must be a number of bytes");

    private static DateTimeOffset? Date(XElement? expiration) => expiration?.Text("Date") is not { } text
        ? null
        : DateTimeOffset.TryParse(
            text, System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.AssumeUniversal, out var at)
            && at.UtcDateTime.TimeOfDay == TimeSpan.Zero
            ? at.ToUniversalTime()
            : throw S3Error.InvalidArgument.With("'Date' must be at midnight GMT");

    private static void Write(S3Xml xml, LifecycleRule rule)
    {
        xml.Open("Rule").Element("ID", rule.Id);
        if (rule.LegacyPrefix is { } prefix)
        {
            xml.Element("Prefix", prefix);
        }
        else
        {
            WriteFilter(xml, rule);
        }

        xml.Element("Status", rule.Enabled ? "Enabled" : "Disabled");
        if (rule.ExpirationDays is not null || rule.ExpirationDate is not null || rule.ExpiredDeleteMarker)
        {
            xml.Open("Expiration").Optional("Days", rule.ExpirationDays);
            if (rule.ExpirationDate is { } date)
            {
                xml.Time("Date", date);
            }

            xml.Optional("ExpiredObjectDeleteMarker", rule.ExpiredDeleteMarker ? "true" : null).Close("Expiration");
        }

        if (rule.NoncurrentDays is not null)
        {
            xml.Open("NoncurrentVersionExpiration").Optional("NoncurrentDays", rule.NoncurrentDays)
                .Optional("NewerNoncurrentVersions", rule.NewerNoncurrentVersions).Close("NoncurrentVersionExpiration");
        }

        if (rule.AbortMultipartDays is not null)
        {
            xml.Open("AbortIncompleteMultipartUpload").Optional("DaysAfterInitiation", rule.AbortMultipartDays)
                .Close("AbortIncompleteMultipartUpload");
        }

        xml.Close("Rule");
    }

    private static void WriteFilter(S3Xml xml, LifecycleRule rule)
    {
        var several = rule.Tags.Count + (rule.Prefix.Length > 0 ? 1 : 0) + (rule.SizeGreaterThan is null ? 0 : 1)
            + (rule.SizeLessThan is null ? 0 : 1) > 1;
        xml.Open("Filter");
        if (several)
        {
            xml.Open("And");
        }

        if (rule.Prefix.Length > 0 || (!several && rule.Tags.Count == 0 && rule.SizeGreaterThan is null && rule.SizeLessThan is null))
        {
            xml.Element("Prefix", rule.Prefix);
        }

        foreach (var (key, value) in rule.Tags)
        {
            xml.Open("Tag").Element("Key", key).Element("Value", value).Close("Tag");
        }

        xml.Optional("ObjectSizeGreaterThan", rule.SizeGreaterThan).Optional("ObjectSizeLessThan", rule.SizeLessThan);
        if (several)
        {
            xml.Close("And");
        }

        xml.Close("Filter");
    }
}
