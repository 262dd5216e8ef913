using System.Text.Json;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.ObjectStorage.Neighbours;

/// <summary><see cref="IBuckets"/> over HTTP, for backups in another process. Its caller is the cloud itself.</summary>
internal static class BucketServiceEndpoints
{
    public static void MapBucketService(this IEndpointRouteBuilder routes)
    {
        var project = routes.MapGroup("/internal/v1/projects/{project}/buckets").RequireServiceKey().ExcludeFromDescription();
        project.MapGet("/{bucket}", async (string project, string bucket, IBuckets buckets, CancellationToken ct) =>
            await buckets.FindAsync(project, bucket, ct) ?? throw CloudException.NotFound("bucket", bucket));
        project.MapPost("/search", (string project, Dictionary<string, string> labels, IBuckets buckets, CancellationToken ct) =>
            buckets.ListAsync(project, labels, ct));
        project.MapPut(
            "/{name}", (string project, string name, string projectName, string owner, IBuckets buckets, CancellationToken ct) =>
                buckets.CreateAsync(project, projectName, name, owner, ct));
        project.MapDelete("/{bucket}", (string project, string bucket, IBuckets buckets, CancellationToken ct) =>
            buckets.DeleteAsync(project, bucket, ct));

        var one = routes.MapGroup("/internal/v1/buckets/{bucket}").RequireServiceKey().ExcludeFromDescription();
        one.MapPost("/versions", (string bucket, VersionPlace after, IBuckets buckets, CancellationToken ct) =>
            buckets.ListVersionsAsync(bucket, after.Key.Length == 0 ? null : after, ct));
        one.MapGet(
            "/content", async (string bucket, string key, string versionId, IBuckets buckets, CancellationToken ct) => TypedResults.Stream(
                await buckets.ReadAsync(bucket, key, versionId, ct) ?? throw CloudException.NotFound("object", key)));
        one.MapPut("/content", (string bucket, HttpContext context, IBuckets buckets, CancellationToken ct) =>
            buckets.WriteAsync(bucket, VersionOf(context), context.Request.Body, ct)).WithStreamedBody();
        one.MapPut("/settings", (string bucket, StoredBucket like, IBuckets buckets, CancellationToken ct) =>
            buckets.FinishAsync(bucket, like, ct));
        one.MapPost("/replace", (string bucket, string with, string versioning, IBuckets buckets, CancellationToken ct) =>
            buckets.ReplaceAsync(bucket, with, versioning, ct));
    }

    private static StoredVersion VersionOf(HttpContext context) => JsonSerializer.Deserialize<StoredVersion>(
        Convert.FromBase64String(context.Request.Headers[HttpBuckets.VersionHeader].ToString()), JsonSerializerOptions.Web)!;
}
