using Cloud.BlockStorage.Content;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.BlockStorage.Volumes;

internal static class VolumeEndpoints
{
    public static void MapVolumes(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/volumes").WithTags("Volumes").RequireRole(Role.Viewer);
        read.MapGet("/", ListVolumes.HandleAsync).WithName("ListVolumes").WithSummary("Lists the project's volumes");
        routes.MapGet("/v1/volume-types", ListVolumeTypes.Handle).WithTags("Volumes").RequireRole(Role.Viewer).WithName("ListVolumeTypes")
            .WithSummary("Lists how fast volumes may be");
        read.MapGet("/{id}", GetVolume.HandleAsync).WithName("GetVolume").WithSummary("Shows one volume");
        read.MapGet("/{id}/content", GetContent.OfVolumeAsync).WithName("GetVolumeContent")
            .WithSummary("Downloads a detached volume as a raw disk image or qcow2, or a range of it");
        read.MapGet("/{id}/metrics", GetVolumeMetrics.HandleAsync).WithName("GetVolumeMetrics")
            .WithSummary("Shows what a volume takes, and what its instance reads and writes");

        var change = routes.MapGroup("/v1/volumes").WithTags("Volumes").RequireRole(Role.Editor);
        change.MapPost("/", CreateVolume.HandleAsync).WithName("CreateVolume")
            .WithSummary("Makes a volume: blank, or of an image, a snapshot or a volume");
        change.MapPatch("/{id}", PatchVolume.HandleAsync).WithName("PatchVolume").WithSummary("Renames, labels or protects a volume");
        change.MapDelete("/{id}", DeleteVolume.HandleAsync).WithName("DeleteVolume").WithSummary("Removes a volume and all that is on it");
        change.MapPut("/{id}/content", PutContent.HandleAsync).WithStreamedBody().WithName("PutVolumeContent")
            .WithSummary("Writes a raw disk image or qcow2 to a detached volume, whole or in parts by Content-Range");
        change.MapPost("/{id}/to-image", ToImage.OfVolumeAsync).WithName("VolumeToImage")
            .WithSummary("Makes an image of a detached volume that boots");
        change.MapPost("/{id}/resize", ResizeVolume.HandleAsync).WithName("ResizeVolume")
            .WithSummary("Grows a volume; an instance that has it sees the new size");
        change.MapPost("/{id}/restore", RestoreVolume.HandleAsync).WithName("RestoreVolume")
            .WithSummary("Brings a detached volume back to a snapshot");
        change.MapPost("/{id}/undo-restore", UndoRestore.HandleAsync).WithName("UndoRestoreVolume")
            .WithSummary("Brings a detached volume back to what it was before its latest restore");
        change.MapPost("/{id}/attach", AttachVolume.HandleAsync).WithName("AttachVolume").WithSummary("Gives a volume to an instance");
        change.MapPost("/{id}/detach", DetachVolume.HandleAsync).WithName("DetachVolume").WithSummary("Takes a volume from its instance");

        routes.MapGroup("/v1/volumes").WithTags("Volumes").RequireRole(Role.Admin).MapPost("/{id}/migrate", MigrateVolume.HandleAsync)
            .WithName("MigrateVolume").WithSummary("Takes a detached volume and its snapshots to another host");

        var keys = routes.MapGroup("/v1/volumes/master-keys").WithTags("Volumes").RequireRole(Role.Admin);
        keys.MapGet("/", ExportMasterKeys.HandleAsync).WithName("ExportVolumeMasterKeys")
            .WithSummary("Shows the hosts' master keys, to be kept where the cloud is not");
        keys.MapPost("/rotate", RotateMasterKeys.HandleAsync).WithName("RotateVolumeMasterKeys")
            .WithSummary("Wraps the keys of all encrypted volumes by new master keys");
    }
}
