using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.ObjectStorage.Objects;

internal static class ObjectEndpoints
{
    public static void MapObjects(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/buckets/{id}").WithTags("Objects").RequireRole(Role.Viewer);
        read.MapGet("/objects", ListBucketObjects.HandleAsync).WithName("ListBucketObjects")
            .WithSummary("Lists a bucket's objects in the order of their keys; ?prefix= and ?delimiter= as in S3");
        read.MapGet("/objects/{**key}", DownloadObject.HandleAsync).WithName("DownloadObject").WithSummary("Sends an object's bytes");

        var change = routes.MapGroup("/v1/buckets/{id}").WithTags("Objects").RequireRole(Role.Editor);
        change.MapPut("/objects/{**key}", UploadObject.HandleAsync).WithStreamedBody().WithName("UploadObject")
            .WithSummary("Takes an object's bytes: the body as it is");
        change.MapDelete("/objects/{**key}", RemoveObject.HandleAsync).WithName("RemoveObject").WithSummary("Removes an object");
        change.MapPost("/presign", PresignObject.HandleAsync).WithName("PresignObject")
            .WithSummary("Makes a URL that opens one object for a time, with no token")
            .WithExample("""{"key": "holiday/1.jpg", "method": "GET", "expiresIn": 3600}""");
    }
}
