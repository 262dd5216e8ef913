using System.Globalization;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Objects;

namespace Cloud.ObjectStorage.S3.Access;

/// <summary>What is asked for, beside who asks.</summary>
/// <param name="Action">As policies name it: <c>s3:GetObject</c>.</param>
/// <param name="Key">Null for the bucket itself.</param>
/// <param name="Permission">What of an access control list would allow it; null where no list can.</param>
/// <param name="Grants">Of the object, or of the bucket.</param>
/// <param name="Attributes">Of the object that is there, for conditions on its tags.</param>
/// <param name="NewTags">Of the object to be.</param>
/// <param name="Owner">The id of the project that wrote the object.</param>
/// <param name="ListedPrefix">What of the bucket would be listed, where the request itself lists nothing.</param>
internal sealed record AccessQuestion(
    string Action, string? Key = null, AclPermission? Permission = null, IReadOnlyList<AclGrant>? Grants = null,
    ObjectAttributes? Attributes = null, IReadOnlyDictionary<string, string>? NewTags = null, string? Owner = null,
    string? ListedPrefix = null);

/// <summary>
/// Who may do what. In this order: what the policy denies nobody does; the project that owns the bucket does everything, within the limits
/// of its key, but reads no object that another project owns; then what the policy, the bucket's visibility or an access control list
/// allows.
/// </summary>
internal static class AccessRules
{
    /// <summary>So that a policy can be taken back by the owner whom it locked out.</summary>
    private static readonly HashSet<string> NeverDeniedToTheOwner =
        new(StringComparer.Ordinal) { "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy" };

    private static readonly string[] Reads = ["s3:Get", "s3:List", "s3:Head"];

    /// <exception cref="S3Exception">It is not allowed.</exception>
    public static void Require(S3Request request, Bucket bucket, AccessQuestion question)
    {
        if (!Allows(request, bucket, question))
        {
            throw S3Error.AccessDenied.With();
        }
    }

    public static bool Allows(S3Request request, Bucket bucket, AccessQuestion question)
    {
        var caller = request.Caller;
        var reads = Reads.Any(prefix => question.Action.StartsWith(prefix, StringComparison.Ordinal));
        if (!caller.IsAnonymous && !caller.KeyAllows(bucket.Name, reads))
        {
            return false;
        }

        var isOwner = caller.Project == bucket.Project;
        var policy = BucketPolicy.Of(bucket);
        var effect = bucket.Settings.Policy is null ? PolicyEffect.None : policy.Decide(Question(request, bucket, question));
        if (effect == PolicyEffect.Deny)
        {
            return isOwner && NeverDeniedToTheOwner.Contains(question.Action);
        }

        var isAnothers = question.Permission is not null && IsAnothers(bucket, question.Owner);
        if (isAnothers ? question.Owner == caller.Project : isOwner)
        {
            return true;
        }

        var block = bucket.Settings.PublicAccessBlock;
        if (effect == PolicyEffect.Allow && !(block?.RestrictPublicBuckets == true && policy.IsPublic))
        {
            return true;
        }

        if (bucket.IsPublic && block?.RestrictPublicBuckets != true && question.Key is not null && question.Action == "s3:GetObject")
        {
            return true;
        }

        return question.Permission is { } permission && bucket.Settings.Ownership != ObjectOwnership.BucketOwnerEnforced
            && (question.Grants ?? []).Any(grant => Grants(grant, permission, caller, block));
    }

    /// <summary>Whether the bucket's own project may read the object: its own, or one whose list says so.</summary>
    public static bool OwnerReads(Bucket bucket, ObjectVersion version, IReadOnlyList<AclGrant>? grants) =>
        !IsAnothers(bucket, version.Owner)
        || (grants ?? []).Any(grant => grant.Permission is AclPermission.Read or AclPermission.FullControl
            && (grant.IsPublic || grant.Grantee == bucket.Project));

    /// <summary>
    /// Whether an object belongs to another project than its bucket ("Controlling ownership of objects"): that may delete it, and read it
    /// or its list only where the list lets it. Where lists are off the bucket's project owns whatever is in it.
    /// </summary>
    private static bool IsAnothers(Bucket bucket, string? owner) =>
        owner is { Length: > 0 } && owner != bucket.Project && bucket.Settings.Ownership != ObjectOwnership.BucketOwnerEnforced;

    /// <summary>Only the bucket's own project, whatever policies and lists say.</summary>
    public static void RequireOwner(S3Request request, Bucket bucket)
    {
        if (request.Caller.Project != bucket.Project)
        {
            throw S3Error.AccessDenied.With();
        }
    }

    private static bool Grants(AclGrant grant, AclPermission permission, Principal caller, PublicAccessBlock? block) =>
        (grant.Permission == permission || grant.Permission == AclPermission.FullControl)
        && !(grant.IsPublic && block?.IgnorePublicAcls == true)
        && grant.Grantee switch
        {
            AclGrant.AllUsers => true,
            AclGrant.AuthenticatedUsers => !caller.IsAnonymous,
            _ => grant.Grantee == caller.Project,
        };

    private static PolicyQuestion Question(S3Request request, Bucket bucket, AccessQuestion question) => new(
        request.Caller, question.Action, question.Key is null ? $"arn:aws:s3:::{bucket.Name}"
            : $"arn:aws:s3:::{bucket.Name}/{question.Key}",
        request.Http.Connection.RemoteIpAddress, request.Services.Time.GetUtcNow(), key => Values(request, question, key));

    private static IReadOnlyList<string>? Values(S3Request request, AccessQuestion question, string key)
    {
        const string existing = "s3:existingobjecttag/";
        const string asked = "s3:requestobjecttag/";
        if (key.StartsWith(existing, StringComparison.Ordinal))
        {
            return One(Tag(question.Attributes?.Tags, key[existing.Length..]));
        }

        if (key.StartsWith(asked, StringComparison.Ordinal))
        {
            return One(Tag(question.NewTags, key[asked.Length..]));
        }

        var now = request.Services.Time.GetUtcNow();
        return key switch
        {
            "s3:requestobjecttagkeys" => question.NewTags?.Keys.ToList(),
            "aws:sourceip" => One(Address(request)),
            "aws:referer" => One(request.Header("Referer")),
            "aws:useragent" => One(request.Header("User-Agent")),
            "aws:securetransport" => [request.Http.Request.IsHttps ? "true" : "false"],
            "aws:currenttime" => [now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture)],
            "aws:epochtime" => [now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture)],
            "aws:userid" or "aws:username" => request.Caller.IsAnonymous ? null : [request.Caller.Subject],
            "aws:principalaccount" => request.Caller.IsAnonymous ? null : [request.Caller.Project],
            "s3:prefix" => One(question.ListedPrefix ?? request.Query["prefix"]),
            "s3:delimiter" => One(request.Query["delimiter"]),
            "s3:max-keys" => One(request.Query["max-keys"]),
            "s3:versionid" => One(request.Query["versionId"]),
            "s3:signatureversion" => request.Caller.IsAnonymous ? null : [Signing.SigningKey.Algorithm],
            "s3:authtype" => request.Caller.IsAnonymous ? null : [request.Header("Authorization") is null ? "REST-QUERY-STRING"
                : "REST-HEADER"],
            "s3:x-amz-acl" => One(request.Header("x-amz-acl")),
            _ when key.StartsWith("s3:x-amz-", StringComparison.Ordinal) => One(request.Header(key["s3:".Length..])),
            _ => null,
        };
    }

    private static string? Address(S3Request request) => request.Http.Connection.RemoteIpAddress is { } address
        ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString()
        : null;

    /// <summary>Tags' names are compared as they are; condition keys come in lower case.</summary>
    private static string? Tag(IReadOnlyDictionary<string, string>? tags, string name) =>
        tags?.FirstOrDefault(tag => tag.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static string[]? One(string? value) => value is null ? null : [value];
}
