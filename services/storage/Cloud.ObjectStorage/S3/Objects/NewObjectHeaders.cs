using System.Globalization;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Buckets;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>What the headers of a request say of the object that it makes.</summary>
internal sealed record NewObjectHeaders
{
    private const string MetadataPrefix = "x-amz-meta-";
    private const string KeyIdHeader = "x-amz-server-side-encryption-aws-kms-key-id";
    private const int MetadataBytesMax = 2048;

    public required ObjectAttributes Attributes { get; init; }

    /// <summary>The id of the project whose it will be.</summary>
    public required string Owner { get; init; }

    /// <summary>What encrypts its bytes; dispose it.</summary>
    public BlobCipher? Cipher { get; init; }

    public RetentionMode Retention { get; init; } = RetentionMode.None;

    public long RetainUntil { get; init; }

    public bool LegalHold { get; init; }

    public static NewObjectHeaders Read(S3Request request, Bucket bucket)
    {
        var lockWanted = ReadLock(request, bucket);
        var encryption = ReadEncryption(request, bucket, out var customer);
        return new NewObjectHeaders
        {
            Attributes = ReadContent(request) with
            {
                Tags = TagSet.FromHeader(request.Header("x-amz-tagging")) is { Count: > 0 } tags ? tags : null,
                Grants = Acl.FromHeaders(request, bucket, request.Caller.Project) is { Count: > 0 } grants ? grants : null,
                Encryption = encryption,
            },
            Owner = OwnerOf(request, bucket),
            Cipher = encryption is null ? null : request.Services.Keys.Open(encryption, customer),
            Retention = lockWanted.Mode,
            RetainUntil = lockWanted.Until,
            LegalHold = lockWanted.Hold,
        };
    }

    /// <summary>The headers that come back with the object as they are.</summary>
    public static ObjectAttributes ReadContent(S3Request request) => new()
    {
        ContentType = request.Header("Content-Type"),
        CacheControl = request.Header("Cache-Control"),
        ContentDisposition = request.Header("Content-Disposition"),
        ContentEncoding = ContentEncoding(request.Header("Content-Encoding")),
        ContentLanguage = request.Header("Content-Language"),
        Expires = request.Header("Expires"),
        WebsiteRedirect = request.Header("x-amz-website-redirect-location"),
        StorageClass = StorageClass(request.Header("x-amz-storage-class")),
        Metadata = ReadMetadata(request),
    };

    /// <exception cref="S3Exception">They are no conditions for a write.</exception>
    public static WriteConditions ReadConditions(S3Request request)
    {
        var match = request.Header("If-Match")?.Trim('"');
        var noneMatch = request.Header("If-None-Match")?.Trim('"');
        return match is null && noneMatch is null ? WriteConditions.None : new WriteConditions(match, noneMatch);
    }

    /// <summary>SSE-C, SSE-S3 as asked or as the bucket wants, or nothing.</summary>
    public static Encryption? ReadEncryption(S3Request request, Bucket bucket, out CustomerKey? customer)
    {
        customer = CustomerKey.Read(request);
        var asked = request.Header("x-amz-server-side-encryption");
        if (asked is not null && customer is not null)
        {
            throw S3Error.InvalidArgument.With(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified");
        }

        if (asked is not (null or BucketEncryption.Algorithm))
        {
            throw asked is "aws:kms" or "aws:kms:dsse"
                ? S3Error.NotImplemented.With("Encryption with keys of a key management service is not implemented; AES256 is.")
                : S3Error.InvalidArgument.With(
                    "The encryption method specified is not supported", ("ArgumentName", "x-amz-server-side-encryption"));
        }

        if (request.Header(KeyIdHeader) is not null)
        {
            throw S3Error.InvalidArgument.With(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                ("ArgumentName", KeyIdHeader));
        }

        return customer is not null || asked is not null || bucket.Settings.Encrypt ? request.Services.Keys.New(customer) : null;
    }

    /// <summary>The writer's, unless the bucket's ownership controls make it the bucket's.</summary>
    private static string OwnerOf(S3Request request, Bucket bucket) => bucket.Settings.Ownership switch
    {
        ObjectOwnership.BucketOwnerEnforced => bucket.Project,
        ObjectOwnership.BucketOwnerPreferred when request.Header("x-amz-acl") == "bucket-owner-full-control" => bucket.Project,
        _ => request.Caller.IsAnonymous ? bucket.Project : request.Caller.Project,
    };

    /// <summary>Retention as the headers say, else as the bucket's default does.</summary>
    public static (RetentionMode Mode, long Until, bool Hold) ReadLock(S3Request request, Bucket bucket)
    {
        var mode = request.Header("x-amz-object-lock-mode");
        var until = request.Header("x-amz-object-lock-retain-until-date");
        var hold = request.Header("x-amz-object-lock-legal-hold");
        if (mode is null && until is null && hold is null && bucket.Settings.ObjectLock is null)
        {
            return (RetentionMode.None, 0, false);
        }

        if (bucket.Settings.ObjectLock is not { } rule)
        {
            throw S3Error.InvalidRequest.With("Bucket is missing Object Lock Configuration");
        }

        if (mode is null != until is null)
        {
            throw S3Error.InvalidArgument.With(
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
        }

        var now = request.Services.Time.GetUtcNow();
        var held = hold switch
        {
            null or "OFF" => false,
            "ON" => true,
            _ => throw S3Error.InvalidArgument.With("Legal Hold must be either of 'ON' or 'OFF'"),
        };
        if (mode is not null)
        {
            if (mode is not ("GOVERNANCE" or "COMPLIANCE"))
            {
                throw S3Error.InvalidArgument.With("Unknown wormMode directive");
            }

            return request.HeaderTime("x-amz-object-lock-retain-until-date") is { } at && at > now
                ? (BucketObjectLock.ParseMode(mode), at.UtcTicks, held)
                : throw S3Error.InvalidArgument.With("The retain until date must be in the future!");
        }

        if (rule.Mode is not { } standard)
        {
            return (RetentionMode.None, 0, held);
        }

        var end = rule.Years is { } years ? now.AddYears(years) : now.AddDays(rule.Days ?? 0);
        return (standard, end.UtcTicks, held);
    }

    /// <summary><c>aws-chunked</c> is how the body came, not what it is.</summary>
    private static string? ContentEncoding(string? text)
    {
        if (text is null || !text.Contains("aws-chunked", StringComparison.OrdinalIgnoreCase))
        {
            return text;
        }

        var rest = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(one => !one.Equals("aws-chunked", StringComparison.OrdinalIgnoreCase)).ToList();
        return rest.Count == 0 ? null : string.Join(',', rest);
    }

    private static string? StorageClass(string? word) => word switch
    {
        null or "STANDARD" => null,
        "REDUCED_REDUNDANCY" or "STANDARD_IA" or "ONEZONE_IA" or "INTELLIGENT_TIERING" or "GLACIER_IR" => word,
        _ => throw new S3Error("InvalidStorageClass", 400, "The storage class you specified is not valid").With(),
    };

    private static Dictionary<string, string>? ReadMetadata(S3Request request)
    {
        Dictionary<string, string>? metadata = null;
        var size = 0;
        foreach (var (name, values) in request.Headers)
        {
            if (name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase))
            {
                var value = string.Join(',', values.ToArray());
                var key = name[MetadataPrefix.Length..].ToLower(CultureInfo.InvariantCulture);
                size += key.Length + value.Length;
                (metadata ??= new Dictionary<string, string>(StringComparer.Ordinal))[key] = value;
            }
        }

        return size <= MetadataBytesMax
            ? metadata
            : throw S3Error.MetadataTooLarge.With(null, ("Size", $"{size}"), ("MaxSizeAllowed", $"{MetadataBytesMax}"));
    }
}
