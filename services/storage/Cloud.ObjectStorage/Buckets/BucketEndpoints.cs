using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Scrub;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.ObjectStorage.Buckets;

internal static class BucketEndpoints
{
    public static void MapBuckets(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/buckets").WithTags("Buckets").RequireRole(Role.Viewer);
        read.MapGet("/", ListBuckets.HandleAsync).WithName("ListBuckets").WithSummary("Lists the project's buckets");
        read.MapGet("/{id}", GetBucket.HandleAsync).WithName("GetBucket").WithSummary("Shows one bucket and what it holds, by name or id");
        read.MapGet("/{id}/damage", GetBucketDamage.HandleAsync).WithName("GetBucketDamage")
            .WithSummary("Shows which of a bucket's objects were found damaged");

        var change = routes.MapGroup("/v1/buckets").WithTags("Buckets").RequireRole(Role.Editor);
        change.MapPost("/", CreateBucket.HandleAsync).WithName("CreateBucket").WithSummary("Makes a bucket")
            .WithExample("""{"name": "photos", "visibility": "public", "versioning": true, "labels": {"env": "dev"}}""");
        change.MapPatch("/{id}", PatchBucket.HandleAsync).WithName("PatchBucket")
            .WithSummary("Changes a bucket's labels, visibility or versioning").WithExample("""{"visibility": "private"}""");
        change.MapGet("/{id}/webhook-secret", GetWebhookSecret.HandleAsync).WithName("GetWebhookSecret")
            .WithSummary("Shows what a bucket's webhooks are signed with");
        change.MapDelete("/{id}", DeleteBucket.HandleAsync).WithName("DeleteBucket").WithSummary("Removes an empty bucket");
    }
}
