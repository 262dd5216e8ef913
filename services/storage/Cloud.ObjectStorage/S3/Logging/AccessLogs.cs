using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cloud.Messaging;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.Primitives;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.S3.Logging;

/// <summary>
/// Gathers the lines of buckets whose requests are logged, and writes them as objects of their targets. As AWS's, the log is a record of
/// what goes on and no ledger: the lines of the last minute are lost with the process.
/// </summary>
internal sealed partial class AccessLogs(
    BucketStore buckets, ObjectStore objects, ObjectKeys keys, IOptions<ObjectStorageOptions> options, TimeProvider time,
    ILogger<AccessLogs> log)
    : IReconciler
{
    public const string DeliveryTime = nameof(DeliveryTime);
    public const string EventTime = nameof(EventTime);

    /// <summary>What is left of a key for the rest of its name.</summary>
    public const int PrefixBytesMax = 700;

    /// <summary>Of one bucket, in characters; more than that is written at once.</summary>
    private const int PageLengthMax = 1 << 20;

    /// <summary>Of one bucket; lines beyond are dropped until it is written.</summary>
    private const int LengthMax = 16 << 20;

    private readonly Dictionary<BucketId, Page> _pages = [];

    /// <summary>Whether the target's policy lets the lines of a bucket in.</summary>
    public static bool MayDeliver(Bucket source, Bucket target, string prefix, TimeProvider time)
    {
        IReadOnlyList<string>? Values(string key) => key switch
        {
            "aws:sourcearn" => [$"arn:aws:s3:::{source.Name}"],
            "aws:sourceaccount" => [source.Project],
            _ => null,
        };
        var question = new PolicyQuestion(
            Principal.LogDelivery, "s3:PutObject", $"arn:aws:s3:::{target.Name}/{prefix}", null, time.GetUtcNow(), Values);
        return BucketPolicy.Of(target).Decide(question) == PolicyEffect.Allow;
    }

    public void Add(S3Request request, string? error, TimeSpan took)
    {
        var now = time.GetUtcNow();
        var line = AccessLogLine.Of(request, error, took, now);
        lock (_pages)
        {
            if (!_pages.TryGetValue(request.Bucket!.Id, out var page))
            {
                _pages[request.Bucket.Id] = page = new Page(request.Bucket.Name, now);
            }

            if (page.Lines.Length < LengthMax)
            {
                page.Lines.Append(line);
            }
            else
            {
                page.Dropped++;
            }
        }
    }

    public async Task ReconcileAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        List<Page> due;
        lock (_pages)
        {
            due = _pages.Values.Where(page => page.Began + options.Value.AccessLogInterval <= now || page.Lines.Length >= PageLengthMax)
                .ToList();
            foreach (var (bucket, _) in _pages.Where(pair => due.Contains(pair.Value)).ToList())
            {
                _pages.Remove(bucket);
            }
        }

        foreach (var page in due)
        {
            try
            {
                await WriteAsync(page, now, ct);
            }
            catch (Exception refused) when (refused is S3Exception or CloudException)
            {
                LogLost(log, page.Source, refused.Message);
            }
        }
    }

    private async Task WriteAsync(Page page, DateTimeOffset now, CancellationToken ct)
    {
        if (await buckets.FindAsync(page.Source, ct) is not { Settings.AccessLog: { } rule } source)
        {
            return;
        }

        var target = await buckets.FindAsync(rule.Bucket, ct);
        if (target is null || !MayDeliver(source, target, rule.Prefix, time))
        {
            LogLost(log, page.Source, "the target bucket is gone or its policy does not allow it");
            return;
        }

        if (page.Dropped > 0)
        {
            LogLost(log, page.Source, $"{page.Dropped} lines were too many");
        }

        var encryption = target.Settings.Encrypt ? keys.New(null) : null;
        using var cipher = keys.Open(encryption, null);
        var bytes = Encoding.UTF8.GetBytes(page.Lines.ToString());
        await using var body = PayloadStream.Of(new MemoryStream(bytes), bytes.Length);
        await objects.PutAsync(
            new NewObject
            {
                Bucket = target.Id.Value,
                Key = KeyOf(rule, source, page, now),
                SizeBytes = 0,
                ETag = "",
                Owner = target.Project,
                Attributes = "",
            },
            new ObjectAttributes { ContentType = "text/plain", Encryption = encryption }, body, cipher, ct);
    }

    private static string KeyOf(AccessLogRule rule, Bucket source, Page page, DateTimeOffset now)
    {
        var name = $"{Text(now, "yyyy-MM-dd-HH-mm-ss")}-{Convert.ToHexString(RandomNumberGenerator.GetBytes(8))}";
        if (rule.Partitioned is null)
        {
            return rule.Prefix + name;
        }

        var day = rule.Partitioned == EventTime ? page.Began : now;
        return $"{rule.Prefix}{source.Project}/default/{source.Name}/{Text(day, "yyyy/MM/dd")}/{name}";
    }

    private static string Text(DateTimeOffset at, string format) => at.UtcDateTime.ToString(format, CultureInfo.InvariantCulture);

    [LoggerMessage(EventId = 7050, Level = LogLevel.Warning, Message = "Lines of the access log of {Bucket} are lost: {Reason}")]
    private static partial void LogLost(ILogger log, string bucket, string reason);

    /// <summary>The lines of a bucket that will be an object.</summary>
    private sealed class Page(string source, DateTimeOffset began)
    {
        public string Source => source;

        public DateTimeOffset Began => began;

        public StringBuilder Lines { get; } = new();

        public long Dropped { get; set; }
    }
}
