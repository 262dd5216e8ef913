using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.ObjectStorage.Private;

/// <summary><see cref="IPrivateObjects"/> over HTTP, for services in other processes.</summary>
internal static class PrivateBucketEndpoints
{
    public static void MapPrivateBuckets(this IEndpointRouteBuilder routes)
    {
        var buckets = routes.MapGroup("/internal/v1/private-buckets/{bucket}").RequireServiceKey().ExcludeFromDescription();
        buckets.MapGet(
            "/objects",
            (string bucket, string prefix, IPrivateObjects objects, CancellationToken ct) => objects.ListAsync(bucket, prefix, ct));
        buckets.MapGet(
            "/object",
            async (string bucket, string key, IPrivateObjects objects, CancellationToken ct) => TypedResults.Stream(
                await objects.OpenAsync(bucket, key, ct) ?? throw CloudException.NotFound("object", key)));
        buckets.MapGet(
            "/part",
            async (string bucket, string key, long offset, int length, IPrivateObjects objects, CancellationToken ct) =>
                TypedResults.Bytes(
                    await objects.ReadAsync(bucket, key, offset, length, ct) ?? throw CloudException.NotFound("object", key)));
        buckets.MapPut(
            "/object",
            (string bucket, string key, HttpContext context, IPrivateObjects objects, CancellationToken ct) =>
                objects.PutAsync(bucket, key, context.Request.Body, ct)).WithStreamedBody();
        buckets.MapDelete(
            "/object",
            (string bucket, string key, IPrivateObjects objects, CancellationToken ct) => objects.DeleteAsync(bucket, key, ct));
    }
}
