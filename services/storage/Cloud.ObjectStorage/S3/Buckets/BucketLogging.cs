using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Logging;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary>
/// <c>GetBucketLogging</c>, <c>PutBucketLogging</c>. As at AWS the target's policy must allow <c>logging.s3.amazonaws.com</c> to put
/// objects of the prefix. Target grants are taken and have no effect: the lines belong to the target's owner.
/// </summary>
internal static class BucketLogging
{
    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketLogging");
        var xml = new S3Xml().OpenRoot("BucketLoggingStatus");
        if (bucket.Settings.AccessLog is { } rule)
        {
            xml.Open("LoggingEnabled").Element("TargetBucket", rule.Bucket).Element("TargetPrefix", rule.Prefix)
                .Open("TargetObjectKeyFormat");
            if (rule.Partitioned is { } source)
            {
                xml.Open("PartitionedPrefix").Element("PartitionDateSource", source).Close("PartitionedPrefix");
            }
            else
            {
                xml.Open("SimplePrefix").Close("SimplePrefix");
            }

            xml.Close("TargetObjectKeyFormat").Close("LoggingEnabled");
        }

        await request.AnswerAsync(xml.Close("BucketLoggingStatus"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketLogging");
        AccessRules.RequireOwner(request, bucket);
        var document = await S3Body.ReadXmlAsync(request, "BucketLoggingStatus");
        var rule = document.Child("LoggingEnabled") is { } enabled ? Read(enabled) : null;
        if (rule is not null)
        {
            await RequireTargetAsync(request, bucket, rule);
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { AccessLog = rule });
    }

    private static AccessLogRule Read(XElement enabled)
    {
        var format = enabled.Child("TargetObjectKeyFormat");
        var (simple, partitioned) = (format?.Child("SimplePrefix"), format?.Child("PartitionedPrefix"));
        if (simple is not null && partitioned is not null)
        {
            throw S3Error.MalformedXml.With();
        }

        var source = partitioned is null ? null : partitioned.Text("PartitionDateSource") ?? AccessLogs.DeliveryTime;
        if (source is not (null or AccessLogs.DeliveryTime or AccessLogs.EventTime))
        {
            throw S3Error.MalformedXml.With();
        }

        var prefix = enabled.Text("TargetPrefix") ?? "";
        return System.Text.Encoding.UTF8.GetByteCount(prefix) <= AccessLogs.PrefixBytesMax
            ? new AccessLogRule(enabled.RequireText("TargetBucket"), prefix, source)
            : throw S3Error.KeyTooLong.With();
    }

    private static async Task RequireTargetAsync(S3Request request, Bucket bucket, AccessLogRule rule)
    {
        var target = await request.Services.Buckets.FindAsync(rule.Bucket, request.Aborted)
            ?? throw S3Error.InvalidTargetBucketForLogging.With(null, ("TargetBucket", rule.Bucket));
        if (target.Id == bucket.Id || target.Settings.AccessLog is not null)
        {
            // Every line would make another.
            throw S3Error.InvalidArgument.With(
                "The target bucket must be another one, whose requests are not logged.", ("ArgumentName", "TargetBucket"));
        }

        if (!AccessLogs.MayDeliver(bucket, target, rule.Prefix, request.Services.Time))
        {
            var service = Principal.LogDelivery.Subject[Principal.ServicePrefix.Length..];
            throw S3Error.AccessDenied.With(
                $"The policy of '{target.Name}' must allow {service} s3:PutObject for arn:aws:s3:::{target.Name}/{rule.Prefix}");
        }
    }
}
