using Cloud.ObjectStorage.S3.Access;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>DeleteBucket</c>: only an empty one.</summary>
internal static class DeleteBucket
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:DeleteBucket");
        AccessRules.RequireOwner(request, bucket);
        await using var db = await request.Services.Databases.CreateDbContextAsync(request.Aborted);
        using (Actors.Enter(request))
        {
            try
            {
                await request.Services.BucketLife.DeleteAsync(db, bucket.Id, null, request.Aborted);
            }
            catch (CloudException full) when (full.Code == "bucket-not-empty")
            {
                throw S3Error.BucketNotEmpty.With(null, ("BucketName", bucket.Name));
            }
        }

        await request.AnswerAsync(StatusCodes.Status204NoContent);
    }
}
