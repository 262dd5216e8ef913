using Amazon.S3;
using Amazon.S3.Model;

namespace Cloud.ObjectStorage.Tests.Kit;

/// <summary>A test against a shared service, with buckets of its own. Each suite runs on both databases.</summary>
public abstract class StorageTest(ObjectStorageUnderTest storage) : IDisposable
{
    private static int _names;

    private AmazonS3Client? _s3;

    protected ObjectStorageUnderTest Storage => storage;

    /// <summary>With a key of the project that owns the test's buckets.</summary>
    protected AmazonS3Client S3 => _s3 ??= storage.NewClient();

    protected static string NewName(string word = "bucket") => $"{word}-{Interlocked.Increment(ref _names)}";

    protected async Task<string> NewBucketAsync(bool versioning = false)
    {
        var name = NewName();
        await S3.PutBucketAsync(name);
        if (versioning)
        {
            await S3.PutBucketVersioningAsync(new PutBucketVersioningRequest
            {
                BucketName = name,
                VersioningConfig = new S3BucketVersioningConfig { Status = VersionStatus.Enabled },
            });
        }

        return name;
    }

    protected Task<PutObjectResponse> PutAsync(string bucket, string key, string text) =>
        S3.PutObjectAsync(new PutObjectRequest { BucketName = bucket, Key = key, ContentBody = text });

    protected async Task<string> GetAsync(string bucket, string key, string? version = null)
    {
        using var answer = await S3.GetObjectAsync(new GetObjectRequest { BucketName = bucket, Key = key, VersionId = version });
        using var reader = new StreamReader(answer.ResponseStream);
        return await reader.ReadToEndAsync();
    }

    /// <summary>The code of the refusal that the call must end with.</summary>
    protected static async Task<string> RefusalAsync(Func<Task> call) =>
        (await Should.ThrowAsync<AmazonS3Exception>(call)).ErrorCode;

    public void Dispose()
    {
        _s3?.Dispose();
        GC.SuppressFinalize(this);
    }
}
