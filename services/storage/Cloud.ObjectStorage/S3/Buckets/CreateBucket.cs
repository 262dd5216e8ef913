using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Access;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>CreateBucket</c>.</summary>
internal static class CreateBucket
{
    public const string HomeRegion = "us-east-1";
    private const int RegionLengthMax = 64;

    public static async Task HandleAsync(S3Request request)
    {
        request.RequireSigned();
        var name = request.BucketName!;
        if (!BucketName.IsValid(name))
        {
            throw S3Error.InvalidBucketName.With(null, ("BucketName", name));
        }

        if (!request.Caller.KeyAllows(name, reads: false))
        {
            throw S3Error.AccessDenied.With();
        }

        var location = await ReadLocationAsync(request);
        var locked = request.Header("x-amz-bucket-object-lock-enabled")?.Equals("true", StringComparison.OrdinalIgnoreCase) == true;
        var grants = Acl.FromHeaders(request, null, request.Caller.Project);
        var ownership = BucketOwnership.Parse(request.Header("x-amz-object-ownership"));
        var asked = new NewBucket(request.Caller.Project, request.Caller.ProjectName, name)
        {
            Versioning = locked ? Versioning.Enabled : Versioning.Off,
            Settings = new BucketSettings
            {
                Grants = grants ?? [],
                Ownership = ownership,
                ObjectLock = locked ? new ObjectLockRule() : null,
                Location = location,
            },
        };
        using (Actors.Enter(request))
        {
            await CreateAsync(request, asked, grants);
        }

        request.Http.Response.Headers.Location = $"/{name}";
        await request.AnswerAsync(StatusCodes.Status200OK);
    }

    private static async Task CreateAsync(S3Request request, NewBucket asked, List<AclGrant>? grants)
    {
        await using var db = await request.Services.Databases.CreateDbContextAsync(request.Aborted);
        try
        {
            await request.Services.BucketLife.CreateAsync(db, asked, request.Aborted);
        }
        catch (CloudException taken) when (taken.Code == "name-taken")
        {
            var there = await request.Services.Buckets.FindAsync(asked.Name, request.Aborted);
            if (there?.Project != request.Caller.Project)
            {
                throw S3Error.BucketAlreadyExists.With(null, ("BucketName", asked.Name));
            }

            // In this region making one's own bucket again succeeds, as long as it is the same.
            if (!there.Settings.Grants.SequenceEqual(grants ?? []))
            {
                throw S3Error.BucketAlreadyExists.With(null, ("BucketName", asked.Name));
            }
        }
    }

    /// <returns>Null for the home region, which S3 leaves unnamed.</returns>
    private static async Task<string?> ReadLocationAsync(S3Request request)
    {
        if (request.Http.Request.ContentLength is null or 0 && !request.Signature.IsChunked)
        {
            return null;
        }

        var document = await S3Body.ReadXmlAsync(request, "CreateBucketConfiguration");
        return document.Text("LocationConstraint") switch
        {
            null or "" or HomeRegion => null,
            { Length: <= RegionLengthMax } region when region.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') => region,
            _ => throw S3Error.InvalidArgument.With("The specified location constraint is not valid"),
        };
    }
}
