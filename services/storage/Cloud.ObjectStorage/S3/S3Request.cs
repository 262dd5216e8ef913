using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Signing;
using Microsoft.AspNetCore.Http.Features;

namespace Cloud.ObjectStorage.S3;

/// <summary>A call of the S3 protocol: what it addresses, who signed it, and where its answer goes.</summary>
internal sealed class S3Request
{
    private const int KeyBytesMax = 1024;

    private S3Request(HttpContext http, S3Services services, string requestId)
    {
        Http = http;
        Services = services;
        RequestId = requestId;
    }

    public HttpContext Http { get; }

    public S3Services Services { get; }

    public string RequestId { get; }

    public string Method => Http.Request.Method;

    public IHeaderDictionary Headers => Http.Request.Headers;

    public CancellationToken Aborted => Http.RequestAborted;

    /// <summary>The path as it came, without the query.</summary>
    public required string RawPath { get; init; }

    public required string RawQuery { get; init; }

    public required S3Query Query { get; init; }

    /// <summary>Of the host's name or the path; null for the service itself.</summary>
    public string? BucketName { get; private init; }

    /// <summary>The bucket stands in the host's name, not in the path.</summary>
    public bool IsVirtualHosted { get; private init; }

    /// <summary>It came by the name of a bucket's website: it is a page's, not a program's.</summary>
    public bool IsWebsite { get; private init; }

    /// <summary>Null for the bucket itself.</summary>
    public string? Key { get; init; }

    /// <summary>What the signature says; of an anonymous call, nobody in particular.</summary>
    public VerifiedRequest Signature { get; set; } = VerifiedRequest.Anonymous;

    public Principal Caller => Signature.Caller;

    /// <summary>Set by whoever looked it up.</summary>
    public Bucket? Bucket { get; set; }

    public string Host => Headers.Host.ToString();

    /// <exception cref="S3Exception">The URL is none that addresses anything.</exception>
    public static S3Request Parse(HttpContext http, S3Services services, string requestId)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || target.StartsWith("https://",
            StringComparison.OrdinalIgnoreCase))
        {
            // A proxy's form of the target (RFC 9112 §3.2.2).
            var slash = target.IndexOf('/', target.IndexOf("//", StringComparison.Ordinal) + 2);
            target = slash < 0 ? "/" : target[slash..];
        }

        var question = target.IndexOf('?', StringComparison.Ordinal);
        var path = question < 0 ? target : target[..question];
        var query = question < 0 ? "" : target[(question + 1)..];
        var host = http.Request.Headers.Host.ToString();
        var colon = host.LastIndexOf(':');
        var name = colon > 0 && !host.EndsWith(']') ? host[..colon] : host;
        var site = BucketOf(name, services.WebsiteHostNames);
        var virtualHosted = site ?? BucketOf(name, services.HostNames);
        var (bucket, key) = Address(virtualHosted, path);
        if (key is not null && System.Text.Encoding.UTF8.GetByteCount(key) > KeyBytesMax)
        {
            throw S3Error.KeyTooLong.With(null, ("MaxSizeAllowed", "1024"));
        }

        return new S3Request(http, services, requestId)
        {
            RawPath = path,
            RawQuery = query,
            Query = S3Query.Parse(query),
            BucketName = bucket,
            Key = key,
            IsVirtualHosted = virtualHosted is not null,
            IsWebsite = site is not null,
        };
    }

    /// <summary>The same for a page of a website: its query is the page's own affair.</summary>
    public S3Request AtPage(string key) => new(Http, Services, RequestId)
    {
        RawPath = RawPath,
        RawQuery = "",
        Query = S3Query.Parse(""),
        BucketName = BucketName,
        Key = key,
        IsWebsite = true,
    };

    /// <summary>The request with another address, for a form that names its key in its body.</summary>
    public S3Request At(string bucket, string key, VerifiedRequest signature) => new(Http, Services, RequestId)
    {
        RawPath = RawPath,
        RawQuery = RawQuery,
        Query = Query,
        BucketName = bucket,
        Key = key,
        Signature = signature,
        Bucket = Bucket,
    };

    /// <summary>The name of a project; empty where it is not known.</summary>
    public string NameOf(string project) => project == Bucket?.Project ? Bucket.ProjectName : Services.Names.Of(project);

    /// <summary>The header's value; null where it is not there or empty.</summary>
    public string? Header(string name) => Headers.TryGetValue(name, out var value) && value.Count > 0 && value[0] is { Length: > 0 } text
        ? value.Count == 1 ? text : value.ToString()
        : null;

    /// <summary>The body, as what the signature says it is.</summary>
    /// <param name="md5">An ETag will be made of it.</param>
    /// <param name="ofObject">What its headers say of a checksum is of the object that comes of it.</param>
    public PayloadStream OpenBody(bool md5 = false, bool ofObject = false) => PayloadStream.Open(this, md5, ofObject);

    /// <summary>The version that the query names.</summary>
    /// <exception cref="S3Exception">It is no version id.</exception>
    public string? VersionId => !Query.TryGet("versionId", out var id)
        ? null
        : id == ObjectVersion.NullVersion || Index.VersionIds.TryReadRank(id, out _)
            ? id
            : throw S3Error.InvalidArgument.With("Invalid version id specified", ("ArgumentName", "versionId"), ("ArgumentValue", id));

    /// <summary>An answer with a document.</summary>
    public Task AnswerAsync(S3Xml xml, int status = StatusCodes.Status200OK)
    {
        var bytes = System.Text.Encoding.UTF8.GetBytes(xml.ToString());
        var response = Http.Response;
        response.StatusCode = status;
        response.ContentType = S3Xml.ContentType;
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes, Aborted).AsTask();
    }

    /// <summary>An answer with no body.</summary>
    public Task AnswerAsync(int status)
    {
        Http.Response.StatusCode = status;
        if (status != StatusCodes.Status204NoContent)
        {
            Http.Response.ContentLength = 0;
        }

        return Task.CompletedTask;
    }

    /// <summary>A header as the time that it says; null where it is not there, or says none.</summary>
    public DateTimeOffset? HeaderTime(string name) => Header(name) is { } text && TryReadHttpTime(text, out var at) ? at : null;

    public static bool TryReadHttpTime([NotNullWhen(true)] string? text, out DateTimeOffset at) => DateTimeOffset.TryParseExact(
        text, ["r", "ddd, dd MMM yyyy HH:mm:ss zzz", "yyyyMMdd'T'HHmmss'Z'", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"],
        CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out at);

    /// <summary>The bucket that stands before one of the names; null where none does.</summary>
    private static string? BucketOf(string host, IReadOnlyList<string> names)
    {
        foreach (var known in names)
        {
            if (host.Length > known.Length + 1 && host.EndsWith(known, StringComparison.OrdinalIgnoreCase)
                && host[^(known.Length + 1)] == '.' && !names.Contains(host, StringComparer.OrdinalIgnoreCase))
            {
                return host[..^(known.Length + 1)].ToLowerInvariant();
            }
        }

        return null;
    }

    private static (string? Bucket, string? Key) Address(string? virtualHosted, string path)
    {
        var rest = path.Length > 0 && path[0] == '/' ? path[1..] : path;
        if (virtualHosted is not null)
        {
            var whole = S3Uri.Decode(rest, plusIsSpace: false);
            return (virtualHosted, whole.Length == 0 ? null : whole);
        }

        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var bucket = S3Uri.Decode(slash < 0 ? rest : rest[..slash], plusIsSpace: false);
        var key = slash < 0 ? "" : S3Uri.Decode(rest[(slash + 1)..], plusIsSpace: false);
        return (bucket.Length == 0 ? null : bucket, key.Length == 0 ? null : key);
    }
}
