using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Secrets;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;

namespace Cloud.Identity.AccessKeys;

/// <summary>The body of <c>POST /v1/access-keys</c>.</summary>
public sealed record CreateAccessKeyRequest
{
    /// <summary>Unique among the project's access keys.</summary>
    public required string Name { get; init; }

    /// <summary>The name or id of the member whose key it is; left out, the caller's.</summary>
    public string? User { get; init; }

    /// <summary>The names of the buckets that it opens, which need not exist yet. Left out or empty: all of the project.</summary>
    public IReadOnlyList<string>? Buckets { get; init; }

    /// <summary>It reads and lists, and changes nothing.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>When it ends; left out, never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>In how many seconds it ends, instead of <c>expiresAt</c>.</summary>
    public long? ExpiresIn { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateAccessKey
{
    private const int BucketsMax = 100;
    private const int BucketNameLengthMin = 3;
    private const int BucketNameLengthMax = 63;
    private const string Storage = "object-storage";

    public static async Task<IResult> HandleAsync(
        CreateAccessKeyRequest request,
        Caller caller,
        HttpContext context,
        IdentityDbContext db,
        SecretBox secrets,
        TimeProvider time,
        CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var expiresAt = Check(request, now);
        RequireWithin(request, caller);

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var user = await db.FindHolderAsync(request.User, request.ReadOnly ? Role.Viewer : Role.Editor, caller, ct);
        var publicId = AccessKeyPair.NewPublicId();
        var secret = AccessKeyPair.NewSecret();
        var key = AccessKey.Create(
            new NewAccessKey
            {
                Id = TypedId.New<AccessKeyId>(time),
                PublicId = publicId,
                Project = ProjectId.FromValue(caller.Project),
                User = user,
                Name = request.Name,
                Labels = new Labels(request.Labels ?? new Dictionary<string, string>()),
                Buckets = (request.Buckets ?? []).Distinct(StringComparer.Ordinal).ToList(),
                ReadOnly = request.ReadOnly,
                CreatedBy = UserId.FromValue(caller.Subject),
                ExpiresAt = expiresAt,
            },
            AccessKeyPair.Seal(secrets, secret, publicId),
            now);
        await db.Quotas().ReserveAsync(caller.Project, "accessKeys", 1, ct);
        db.AccessKeys.Add(key);
        db.AddResourceEvent("access-key.created", caller.Project, key.Id.Value, AccessKeyView.From(key, now));
        await db.SaveNewAsync("access key", request.Name, ct);
        await transaction.CommitAsync(ct);
        return ResourceResults.Created(context, $"/v1/access-keys/{key.Id}", AccessKeyView.From(key, now, secret), key.Version);
    }

    private static DateTimeOffset? Check(CreateAccessKeyRequest request, DateTimeOffset now)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        var buckets = request.Buckets ?? [];
        errors.Require(buckets.Count <= BucketsMax, "buckets", $"At most {BucketsMax}.");
        for (var at = 0; at < Math.Min(buckets.Count, BucketsMax); at++)
        {
            errors.Require(
                IsBucketName(buckets[at]),
                $"buckets[{at}]",
                "Expected a bucket's name: 3 to 63 characters of lower-case letters, digits, '-' and '.'.");
        }

        var expiresAt = Expiry.Of(request.ExpiresAt, request.ExpiresIn, now, errors);
        errors.ThrowIfAny();
        return expiresAt;
    }

    private static bool IsBucketName(string? name) =>
        name is { Length: >= BucketNameLengthMin and <= BucketNameLengthMax }
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.');

    /// <summary>Nobody makes a key that may more than the token in use.</summary>
    private static void RequireWithin(CreateAccessKeyRequest request, Caller caller)
    {
        if (!TokenScopes.Allow(caller.Scopes, Storage, request.ReadOnly))
        {
            var verb = request.ReadOnly ? "read" : "change";
            throw new CloudException(
                ErrorKind.Forbidden,
                "scope-too-wide",
                $"A token that is limited to {string.Join(", ", caller.Scopes)} makes no key to {verb} objects.");
        }
    }
}
