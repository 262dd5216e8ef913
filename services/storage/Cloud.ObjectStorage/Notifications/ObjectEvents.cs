using System.Globalization;
using System.Text.Json.Nodes;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;

namespace Cloud.ObjectStorage.Notifications;

/// <summary>The events of objects ("Event notification types and destinations"), and the document that says one.</summary>
internal static class ObjectEvents
{
    public const string Created = "s3:ObjectCreated:";
    public const string Removed = "s3:ObjectRemoved:";
    public const string Expired = "s3:LifecycleExpiration:";
    public const string Delete = "Delete";
    public const string DeleteMarkerCreated = "DeleteMarkerCreated";

    /// <summary>What a configuration may ask for.</summary>
    public static readonly IReadOnlyList<string> Known =
    [
        Created + "*", Created + "Put", Created + "Post", Created + "Copy", Created + "CompleteMultipartUpload",
        Removed + "*", Removed + Delete, Removed + DeleteMarkerCreated,
        Expired + "*", Expired + Delete, Expired + DeleteMarkerCreated,
    ];

    /// <summary>A record as S3 sends it.</summary>
    public static JsonObject Record(string name, Bucket bucket, ObjectVersion version, string ruleId, DateTimeOffset at)
    {
        var what = new JsonObject { ["key"] = S3Uri.Encode(version.Key, keepSlash: true) };
        if (name.StartsWith(Created, StringComparison.Ordinal))
        {
            what["size"] = version.SizeBytes;
            what["eTag"] = version.ETag;
        }

        if (version.VersionId != ObjectVersion.NullVersion)
        {
            what["versionId"] = version.VersionId;
        }

        what["sequencer"] = (-version.Rank).ToString("X16", CultureInfo.InvariantCulture);
        return new JsonObject
        {
            ["eventVersion"] = "2.1",
            ["eventSource"] = "aws:s3",
            ["awsRegion"] = "",
            ["eventTime"] = at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["eventName"] = name["s3:".Length..],
            ["userIdentity"] = new JsonObject { ["principalId"] = version.Owner },
            ["s3"] = new JsonObject
            {
                ["s3SchemaVersion"] = "1.0",
                ["configurationId"] = ruleId,
                ["bucket"] = new JsonObject
                {
                    ["name"] = bucket.Name,
                    ["ownerIdentity"] = new JsonObject { ["principalId"] = bucket.Project },
                    ["arn"] = $"arn:aws:s3:::{bucket.Name}",
                },
                ["object"] = what,
            },
        };
    }
}
