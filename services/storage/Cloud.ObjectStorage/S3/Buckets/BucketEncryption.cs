namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>GetBucketEncryption</c>, <c>PutBucketEncryption</c>, <c>DeleteBucketEncryption</c>: SSE-S3 for all new objects.</summary>
internal static class BucketEncryption
{
    public const string Algorithm = "AES256";

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetEncryptionConfiguration");
        if (!bucket.Settings.Encrypt)
        {
            throw S3Error.NoSuchEncryption.With(null, ("BucketName", bucket.Name));
        }

        await request.AnswerAsync(new S3Xml().OpenRoot("ServerSideEncryptionConfiguration").Open("Rule")
            .Open("ApplyServerSideEncryptionByDefault").Element("SSEAlgorithm", Algorithm).Close("ApplyServerSideEncryptionByDefault")
            .Element("BucketKeyEnabled", false).Close("Rule").Close("ServerSideEncryptionConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutEncryptionConfiguration");
        var document = await S3Body.ReadXmlAsync(request, "ServerSideEncryptionConfiguration");
        var rule = document.Child("Rule")?.Child("ApplyServerSideEncryptionByDefault") ?? throw S3Error.MalformedXml.With();
        if (rule.RequireText("SSEAlgorithm") != Algorithm)
        {
            throw S3Error.NotImplemented.With($"Only {Algorithm} is implemented.");
        }

        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Encrypt = true });
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutEncryptionConfiguration", settings => settings with { Encrypt = false });
}
