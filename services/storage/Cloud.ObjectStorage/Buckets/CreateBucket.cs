using Cloud.ObjectStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.ObjectStorage.Buckets;

/// <summary>The body of <c>POST /v1/buckets</c>.</summary>
public sealed record CreateBucketRequest
{
    /// <summary>Unique in the whole cloud.</summary>
    public required string Name { get; init; }

    /// <summary><c>public</c>: anybody reads the objects, with no token. Left out: <c>private</c>.</summary>
    public BucketVisibility? Visibility { get; init; }

    /// <summary>Whether what is overwritten or deleted stays as an older version.</summary>
    public bool Versioning { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }
}

internal static class CreateBucket
{
    public static async Task<IResult> HandleAsync(
        CreateBucketRequest request, Caller caller, HttpContext context, ObjectStorageDbContext db, BucketLife life, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(BucketName.IsValid(request.Name), "name", $"Expected {BucketName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        errors.ThrowIfAny();
        var bucket = await life.CreateAsync(
            db,
            new NewBucket(caller.Project, caller.ProjectName, request.Name)
            {
                Labels = new Labels(request.Labels ?? new Dictionary<string, string>()),
                Versioning = request.Versioning ? Versioning.Enabled : Versioning.Off,
                Settings = new BucketSettings { PublicRead = request.Visibility == BucketVisibility.Public },
            },
            ct);
        return ResourceResults.Created(context, $"/v1/buckets/{bucket.Name}", BucketView.From(bucket, 0, 0), bucket.Version);
    }
}
