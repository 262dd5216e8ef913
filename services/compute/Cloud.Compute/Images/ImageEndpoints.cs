using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.Compute.Images;

internal static class ImageEndpoints
{
    public static void MapImages(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/images").WithTags("Images").RequireRole(Role.Viewer);
        read.MapGet("/", ListImages.HandleAsync).WithName("ListImages").WithSummary("Lists the images that instances can be made from");
        read.MapGet("/{id}", GetImage.HandleAsync).WithName("GetImage").WithSummary("Shows one image, by name or id");

        var change = routes.MapGroup("/v1/images").WithTags("Images").RequireRole(Role.Editor);
        change.MapPost("/", CreateImage.HandleAsync).WithName("CreateImage")
            .WithSummary("Imports an image by URL, or makes one to upload to");
        change.MapPut("/{id}/content", UploadImage.HandleAsync).WithStreamedBody()
            .WithName("UploadImage").WithSummary("Takes an image's disk");
        change.MapPatch("/{id}", PatchImage.HandleAsync).WithName("PatchImage").WithSummary("Renames or labels an image");
        change.MapDelete("/{id}", DeleteImage.HandleAsync).WithName("DeleteImage").WithSummary("Removes an image that no instance uses");
    }
}
