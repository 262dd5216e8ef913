using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>GetObjectLockConfiguration</c>, <c>PutObjectLockConfiguration</c>.</summary>
internal static class BucketObjectLock
{
    private const int DaysMax = 36500;
    private const int YearsMax = 100;

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketObjectLockConfiguration");
        var rule = bucket.Settings.ObjectLock ?? throw S3Error.ObjectLockNotFound.With(null, ("BucketName", bucket.Name));
        var xml = new S3Xml().OpenRoot("ObjectLockConfiguration").Element("ObjectLockEnabled", "Enabled");
        if (rule.Mode is { } mode)
        {
            xml.Open("Rule").Open("DefaultRetention").Element("Mode", $"{mode}".ToUpperInvariant())
                .Optional("Days", rule.Days).Optional("Years", rule.Years).Close("DefaultRetention").Close("Rule");
        }

        await request.AnswerAsync(xml.Close("ObjectLockConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketObjectLockConfiguration");
        var document = await S3Body.ReadXmlAsync(request, "ObjectLockConfiguration");
        if (document.Text("ObjectLockEnabled") is { } enabled && enabled != "Enabled")
        {
            throw S3Error.MalformedXml.With();
        }

        if (bucket.Versioning != Versioning.Enabled)
        {
            throw S3Error.InvalidBucketState.With("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
        }

        ObjectLockRule rule;
        if (document.Child("Rule") is { } given)
        {
            var retention = given.Child("DefaultRetention") ?? throw S3Error.MalformedXml.With();
            var days = Period(retention.Text("Days"), DaysMax);
            var years = Period(retention.Text("Years"), YearsMax);
            if (days is null == years is null)
            {
                throw S3Error.MalformedXml.With();
            }

            rule = new ObjectLockRule(ParseMode(retention.RequireText("Mode")), days, years);
        }
        else
        {
            rule = new ObjectLockRule();
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { ObjectLock = rule });
    }

    public static RetentionMode ParseMode(string word) => word switch
    {
        "GOVERNANCE" => RetentionMode.Governance,
        "COMPLIANCE" => RetentionMode.Compliance,
        _ => throw S3Error.MalformedXml.With(),
    };

    private static int? Period(string? text, int max) => text is null
        ? null
        : !int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? throw S3Error.MalformedXml.With()
            : number > 0 && number <= max
                ? number
                : throw new S3Error("InvalidRetentionPeriod", 400, "Default retention period must be a positive integer value").With();
}
