using Cloud.ObjectStorage.S3.Access;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>HeadBucket</c>: whether it is there and the caller may list it.</summary>
internal static class HeadBucket
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:ListBucket", AclPermission.Read);
        request.Http.Response.Headers["x-amz-bucket-region"] = bucket.Settings.Location ?? CreateBucket.HomeRegion;
        request.Http.Response.ContentType = S3Xml.ContentType;
        await request.AnswerAsync(StatusCodes.Status200OK);
    }
}

/// <summary><c>GetBucketLocation</c>: the region that its creator named; the home region has no name here. All are one place.</summary>
internal static class GetBucketLocation
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketLocation");
        await request.AnswerAsync(new S3Xml().OpenRoot("LocationConstraint").Text(bucket.Settings.Location).Close("LocationConstraint"));
    }
}
