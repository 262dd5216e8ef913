using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;

namespace Cloud.Backup.Vaults.Storage;

/// <summary>A vault in a bucket of any S3 endpoint, below a prefix.</summary>
/// <param name="prefix">Empty, or ends in a slash.</param>
public sealed class S3Storage(IAmazonS3 client, string bucket, string prefix) : IVaultStorage, IDisposable
{
    public int ReadBytes => 1024 * 1024;

    public async Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        using var body = new MemoryStream(bytes.ToArray(), writable: false);
        await AskAsync(() => client.PutObjectAsync(
            new PutObjectRequest { BucketName = bucket, Key = prefix + name, InputStream = body, AutoCloseStream = false }, ct));
    }

    public Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct) => AskAsync<byte[]?>(async () =>
    {
        try
        {
            var range = new ByteRange(offset, offset + length - 1);
            using var answer = await client.GetObjectAsync(
                new GetObjectRequest { BucketName = bucket, Key = prefix + name, ByteRange = range }, ct);
            using var bytes = new MemoryStream();
            await answer.ResponseStream.CopyToAsync(bytes, ct);
            return bytes.ToArray();
        }
        catch (AmazonS3Exception refused) when (refused.StatusCode == HttpStatusCode.NotFound && refused.ErrorCode != "NoSuchBucket")
        {
            return null;
        }
        catch (AmazonS3Exception refused) when (refused.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            return [];
        }
    });

    public async Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct)
    {
        var files = new List<StoredFile>();
        var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + below };
        ListObjectsV2Response page;
        do
        {
            page = await AskAsync(() => client.ListObjectsV2Async(request, ct));
            files.AddRange((page.S3Objects ?? []).Select(file => new StoredFile(file.Key[prefix.Length..], file.Size ?? 0)));
            request.ContinuationToken = page.NextContinuationToken;
        }
        while (page.IsTruncated == true);
        return files;
    }

    public Task DeleteAsync(string name, CancellationToken ct) => AskAsync(() => client.DeleteObjectAsync(bucket, prefix + name, ct));

    /// <summary>An object is whole or not there.</summary>
    public Task TidyAsync(CancellationToken ct) => Task.CompletedTask;

    public void Dispose() => client.Dispose();

    /// <exception cref="IOException">The endpoint is away, or refuses.</exception>
    private async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception failed) when (failed is AmazonServiceException or AmazonClientException)
        {
            throw new IOException($"The bucket '{bucket}' does not answer as it should: {failed.Message}", failed);
        }
    }
}
