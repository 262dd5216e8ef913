using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>HeadBucket</c>: whether it is there and the caller may list it.</summary>
internal static class HeadBucket
{
    public static async Task HandleAsync(S3Request request)
    {
        await request.RequireBucketAsync("s3:ListBucket", AclPermission.Read);
        request.Http.Response.Headers["x-amz-bucket-region"] = "us-east-1";
        request.Http.Response.ContentType = S3Xml.ContentType;
        await request.AnswerAsync(StatusCodes.Status200OK);
    }
}

/// <summary><c>GetBucketLocation</c>: the cloud has one region, whose name is empty here.</summary>
internal static class GetBucketLocation
{
    public static async Task HandleAsync(S3Request request)
    {
        await request.RequireBucketAsync("s3:GetBucketLocation");
        await request.AnswerAsync(new S3Xml().OpenRoot("LocationConstraint").Close("LocationConstraint"));
    }
}
