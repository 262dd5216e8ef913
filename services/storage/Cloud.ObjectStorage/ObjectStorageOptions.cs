using System.ComponentModel.DataAnnotations;
using System.Net;

namespace Cloud.ObjectStorage;

/// <summary>The settings of the object storage service: the section <c>Cloud:ObjectStorage</c>.</summary>
internal sealed class ObjectStorageOptions
{
    /// <summary>Where the bytes lie.</summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>The file of the key that seals the keys of encrypted objects; made where there is none.</summary>
    [Required]
    public string KeyFile { get; set; } = "";

    /// <summary>The port of the S3 endpoint; 0 for a free one.</summary>
    [Range(0, ushort.MaxValue)]
    public int S3Port { get; set; }

    /// <summary>Where the S3 endpoint listens.</summary>
    public IPAddress S3Address { get; set; } = IPAddress.Loopback;

    /// <summary>
    /// The names by which users reach the S3 endpoint. A bucket is addressed as <c>BUCKET.NAME</c> below any of them, and a request that
    /// was
    /// signed for one of them is taken at any other.
    /// </summary>
    public IReadOnlyList<string> HostNames { get; set; } = ["localhost", "127.0.0.1", "s3.localhost"];

    /// <summary>The names below which buckets are web sites: <c>BUCKET.NAME</c>.</summary>
    public IReadOnlyList<string> WebsiteHostNames { get; set; } = ["website.localhost"];

    /// <summary>
    /// So much of the disk stays free: what is stored beyond is refused, while there is room left to delete, and for the index itself.
    /// </summary>
    [Range(0, 1L << 50)]
    public long DiskReserveBytes { get; set; } = 64L << 20;

    /// <summary>How long lines of access logs are gathered before they are written as an object.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan AccessLogInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How much the scrubber reads in a round, once a minute.</summary>
    [Range(1, 1L << 40)]
    public long ScrubBytesPerRound { get; set; } = 256L << 20;

    /// <summary>How long the scrubber rests once it has read everything.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan ScrubRest { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long a webhook that does not take what happened is tried.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan WebhookAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>The URL under which users reach the S3 endpoint, for URLs that are given out; left out, this machine's port.</summary>
    public string? PublicUrl { get; set; }

    /// <summary>How old a signature, and how wrong a client's clock, may be.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1000.00:00:00")]
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>A file that no row names is removed when it is older than this: a write may be under way in another replica.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan OrphanAge { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long a day of a lifecycle rule is; shorter to try rules out.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LifecycleDay { get; set; } = TimeSpan.FromDays(1);
}
