namespace Cloud.ObjectStorage.S3;

/// <summary>Who asks: the holder of an access key, or nobody in particular.</summary>
/// <param name="Project">The id of the key's project; empty for the anonymous.</param>
/// <param name="Buckets">The buckets that the key opens; empty for all of the project.</param>
internal sealed record Principal(
    string AccessKeyId, string Subject, string Project, string ProjectName, IReadOnlyList<string> Buckets, bool ReadOnly)
{
    public const string ServicePrefix = "service:";

    public static Principal Anonymous { get; } = new("", "", "", "", [], true);

    /// <summary>What writes access logs; policies name it as AWS's.</summary>
    public static Principal LogDelivery { get; } = new("-", ServicePrefix + "logging.s3.amazonaws.com", "", "", [], false);

    public bool IsService => Subject.StartsWith(ServicePrefix, StringComparison.Ordinal);

    public bool IsAnonymous => AccessKeyId.Length == 0;

    /// <summary>The key's own limits; what lies outside of them it never may, whatever policies say.</summary>
    public bool KeyAllows(string bucket, bool reads) => (reads || !ReadOnly) && (Buckets.Count == 0 || Buckets.Contains(bucket));
}
