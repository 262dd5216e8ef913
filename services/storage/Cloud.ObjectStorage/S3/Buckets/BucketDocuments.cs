using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary>What the operations on a bucket's settings have in common.</summary>
internal static class BucketDocuments
{
    /// <summary>Sets something of the bucket's, for its owner, and answers.</summary>
    public static async Task SetAsync(
        S3Request request, Bucket bucket, Func<BucketSettings, BucketSettings> change, int status = StatusCodes.Status200OK)
    {
        using (Actors.Enter(request))
        {
            await request.Services.Buckets.ChangeAsync(
                bucket, (row, now) => row.Configure(change(row.Settings), now), request.Aborted);
        }

        await request.AnswerAsync(status);
    }

    /// <summary>Takes something of the bucket's away, for its owner, and answers.</summary>
    public static async Task RemoveAsync(S3Request request, string action, Func<BucketSettings, BucketSettings> change)
    {
        var bucket = await request.RequireBucketAsync(action);
        await SetAsync(request, bucket, change, StatusCodes.Status204NoContent);
    }
}

/// <summary><c>GetBucketAcl</c>, <c>PutBucketAcl</c>.</summary>
internal static class BucketAcl
{
    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketAcl", AclPermission.ReadAcp);
        await request.AnswerAsync(Acl.ToXml(bucket.Project, bucket.Settings.Grants, request.NameOf));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketAcl", AclPermission.WriteAcp);
        var grants = Acl.FromHeaders(request, bucket, bucket.Project)
            ?? Acl.FromXml(await S3Body.ReadXmlAsync(request, "AccessControlPolicy"), bucket, bucket.Project);
        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Grants = grants });
    }
}

/// <summary><c>GetBucketOwnershipControls</c> and its like.</summary>
internal static class BucketOwnership
{
    public static ObjectOwnership? Parse(string? word) => word switch
    {
        null => null,
        "BucketOwnerEnforced" => ObjectOwnership.BucketOwnerEnforced,
        "BucketOwnerPreferred" => ObjectOwnership.BucketOwnerPreferred,
        "ObjectWriter" => ObjectOwnership.ObjectWriter,
        _ => throw S3Error.InvalidArgument.With("Invalid x-amz-object-ownership header: " + word),
    };

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketOwnershipControls");
        var ownership = bucket.Settings.Ownership ?? throw S3Error.NoSuchOwnership.With(null, ("BucketName", bucket.Name));
        await request.AnswerAsync(new S3Xml().OpenRoot("OwnershipControls").Open("Rule").Element("ObjectOwnership", $"{ownership}")
            .Close("Rule").Close("OwnershipControls"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketOwnershipControls");
        var document = await S3Body.ReadXmlAsync(request, "OwnershipControls");
        var ownership = Parse((document.Child("Rule") ?? throw S3Error.MalformedXml.With()).RequireText("ObjectOwnership"));
        if (ownership == ObjectOwnership.BucketOwnerEnforced && bucket.Settings.Grants.Count > 0)
        {
            throw new S3Error("InvalidBucketAclWithObjectOwnership", 400,
                "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting").With();
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Ownership = ownership });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutBucketOwnershipControls", settings => settings with { Ownership = null });
}

/// <summary><c>GetPublicAccessBlock</c> and its like.</summary>
internal static class BucketPublicAccess
{
    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketPublicAccessBlock");
        var block = bucket.Settings.PublicAccessBlock ?? throw S3Error.NoSuchPublicAccessBlock.With(null, ("BucketName", bucket.Name));
        await request.AnswerAsync(new S3Xml().OpenRoot("PublicAccessBlockConfiguration")
            .Element("BlockPublicAcls", block.BlockPublicAcls).Element("IgnorePublicAcls", block.IgnorePublicAcls)
            .Element("BlockPublicPolicy", block.BlockPublicPolicy).Element("RestrictPublicBuckets", block.RestrictPublicBuckets)
            .Close("PublicAccessBlockConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketPublicAccessBlock");
        var document = await S3Body.ReadXmlAsync(request, "PublicAccessBlockConfiguration");
        bool Is(string name) => document.Text(name)?.Trim() switch
        {
            null or "false" or "FALSE" => false,
            "true" or "TRUE" => true,
            _ => throw S3Error.MalformedXml.With(),
        };
        var block = new PublicAccessBlock(
            Is("BlockPublicAcls"), Is("IgnorePublicAcls"), Is("BlockPublicPolicy"), Is("RestrictPublicBuckets"));
        await BucketDocuments.SetAsync(request, bucket, settings => settings with { PublicAccessBlock = block });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutBucketPublicAccessBlock", settings => settings with { PublicAccessBlock = null });
}

/// <summary><c>GetBucketPolicy</c>, <c>PutBucketPolicy</c>, <c>DeleteBucketPolicy</c>, <c>GetBucketPolicyStatus</c>.</summary>
internal static class BucketPolicies
{
    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketPolicy");
        var policy = bucket.Settings.Policy ?? throw S3Error.NoSuchBucketPolicy.With(null, ("BucketName", bucket.Name));
        var bytes = System.Text.Encoding.UTF8.GetBytes(policy);
        request.Http.Response.ContentType = "application/json";
        request.Http.Response.ContentLength = bytes.Length;
        await request.Http.Response.Body.WriteAsync(bytes, request.Aborted);
    }

    public static async Task GetStatusAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketPolicyStatus");
        var isPublic = BucketPolicy.Of(bucket).IsPublic || bucket.IsPublic || bucket.Settings.Grants.Any(grant => grant.IsPublic);
        await request.AnswerAsync(new S3Xml().OpenRoot("PolicyStatus").Element("IsPublic", isPublic).Close("PolicyStatus"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketPolicy");
        var json = System.Text.Encoding.UTF8.GetString(await S3Body.ReadAsync(request, BucketPolicy.BytesMax));
        var policy = BucketPolicy.Parse(json, bucket.Name);
        if (json.Contains('\0', StringComparison.Ordinal))
        {
            throw S3Error.MalformedPolicy.With();
        }

        if (policy.IsPublic && bucket.Settings.PublicAccessBlock?.BlockPublicPolicy == true)
        {
            throw S3Error.AccessDenied.With("The public access block refuses public policies.");
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Policy = json }, StatusCodes.Status204NoContent);
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:DeleteBucketPolicy", settings => settings with { Policy = null });
}

/// <summary><c>GetBucketVersioning</c>, <c>PutBucketVersioning</c>.</summary>
internal static class BucketVersioning
{
    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketVersioning");
        await request.AnswerAsync(new S3Xml().OpenRoot("VersioningConfiguration")
            .Optional("Status", bucket.Versioning == Versioning.Off ? null : $"{bucket.Versioning}").Close("VersioningConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketVersioning");
        var document = await S3Body.ReadXmlAsync(request, "VersioningConfiguration");
        if (document.Text("MfaDelete") == "Enabled")
        {
            throw S3Error.NotImplemented.With("MFA delete is not implemented.");
        }

        var versioning = document.Text("Status") switch
        {
            "Enabled" => Versioning.Enabled,
            "Suspended" => Versioning.Suspended,
            _ => throw S3Error.MalformedXml.With(),
        };
        if (bucket.Settings.ObjectLock is not null && versioning != Versioning.Enabled)
        {
            throw S3Error.InvalidBucketState.With(
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.");
        }

        using (Actors.Enter(request))
        {
            await request.Services.Buckets.ChangeAsync(bucket, (row, now) => row.SetVersioning(versioning, now), request.Aborted);
        }

        await request.AnswerAsync(StatusCodes.Status200OK);
    }
}
