using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.S3.Access;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary><c>DeleteObject</c>.</summary>
internal static class DeleteObject
{
    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        var conditions = new DeleteConditions(
            request.Header("If-Match")?.Trim('"'), request.HeaderTime("x-amz-if-match-last-modified-time")?.UtcTicks,
            long.TryParse(request.Header("x-amz-if-match-size"), System.Globalization.CultureInfo.InvariantCulture, out var size)
                ? size : null);
        var deleted = await DeleteAsync(request, bucket, request.Key!, request.VersionId, conditions);
        var headers = request.Http.Response.Headers;
        if (deleted.VersionId is { } version)
        {
            headers["x-amz-version-id"] = version;
        }

        if (deleted.IsDeleteMarker)
        {
            headers["x-amz-delete-marker"] = "true";
        }

        await request.AnswerAsync(StatusCodes.Status204NoContent);
    }

    public static async Task<DeletedObject> DeleteAsync(
        S3Request request, Bucket bucket, string key, string? versionId, DeleteConditions conditions)
    {
        AccessRules.Require(
            request, bucket,
            new AccessQuestion(
                versionId is null ? "s3:DeleteObject" : "s3:DeleteObjectVersion", key, AclPermission.Write, bucket.Settings.Grants));
        var bypass = request.Header("x-amz-bypass-governance-retention")?.Equals("true", StringComparison.OrdinalIgnoreCase) == true
            && AccessRules.Allows(request, bucket, new AccessQuestion("s3:BypassGovernanceRetention", key));
        var id = bucket.Id.Value;
        var owner = request.Caller.Project;
        return await request.Services.Writer.WriteAsync(
            index => versionId is null
                ? index.DeleteAsync(id, key, owner, conditions)
                : index.DeleteVersionAsync(id, key, versionId, bypass, conditions),
            request.Aborted);
    }
}

/// <summary><c>DeleteObjects</c>: up to a thousand, each with an outcome of its own.</summary>
internal static class DeleteObjects
{
    private const int KeysMax = 1000;
    private const int KeyBytesMax = 1024;

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        var document = await S3Body.ReadXmlAsync(request, "Delete");
        var quiet = document.Text("Quiet") == "true";
        var objects = document.Children("Object").ToList();
        if (objects.Count is 0 or > KeysMax)
        {
            throw S3Error.MalformedXml.With();
        }

        var outcomes = await Task.WhenAll(objects.Select(one => DeleteAsync(
            request, bucket, one.RequireText("Key"), one.Text("VersionId"),
            new DeleteConditions(
                one.Text("ETag")?.Trim('"'),
                S3Request.TryReadHttpTime(one.Text("LastModifiedTime"), out var at) ? at.UtcTicks : null,
                long.TryParse(one.Text("Size"), System.Globalization.CultureInfo.InvariantCulture, out var size) ? size : null))));
        var xml = new S3Xml().OpenRoot("DeleteResult");
        foreach (var outcome in outcomes)
        {
            outcome.Write(xml, quiet);
        }

        await request.AnswerAsync(xml.Close("DeleteResult"));
    }

    private static async Task<Outcome> DeleteAsync(
        S3Request request, Bucket bucket, string key, string? versionId, DeleteConditions conditions)
    {
        try
        {
            if (key.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(key) > KeyBytesMax || key.Contains('\0',
                StringComparison.Ordinal))
            {
                throw S3Error.KeyTooLong.With();
            }

            if (versionId is not null && versionId != Cloud.ObjectStorage.Objects.ObjectVersion.NullVersion
                && !VersionIds.TryReadRank(versionId, out _))
            {
                throw S3Error.NoSuchVersion.With();
            }

            return new Outcome(key, versionId, await DeleteObject.DeleteAsync(request, bucket, key, versionId, conditions), null);
        }
        catch (S3Exception refusal)
        {
            return new Outcome(key, versionId, null, refusal);
        }
        catch (CloudException refusal) when (refusal.Kind == ErrorKind.Unavailable)
        {
            return new Outcome(key, versionId, null, S3Error.ServiceUnavailable.With());
        }
    }

    private sealed record Outcome(string Key, string? VersionId, DeletedObject? Deleted, S3Exception? Refusal)
    {
        public void Write(S3Xml xml, bool quiet)
        {
            if (Refusal is not null)
            {
                xml.Open("Error").Element("Key", Key).Optional("VersionId", VersionId).Element("Code", Refusal.Error.Code)
                    .Element("Message", Refusal.Message).Close("Error");
            }
            else if (!quiet)
            {
                xml.Open("Deleted").Element("Key", Key).Optional("VersionId", VersionId);
                if (Deleted!.IsDeleteMarker)
                {
                    xml.Element("DeleteMarker", true).Optional("DeleteMarkerVersionId", Deleted.VersionId);
                }

                xml.Close("Deleted");
            }
        }
    }
}
