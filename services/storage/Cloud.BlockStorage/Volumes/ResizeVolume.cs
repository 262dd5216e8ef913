using Cloud.BlockStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes/{id}/resize</c>.</summary>
public sealed record ResizeVolumeRequest
{
    /// <summary>At least what it has; up to 16 TiB, rounded up to whole mebibytes.</summary>
    public required ByteSize SizeBytes { get; init; }
}

internal static class ResizeVolume
{
    public static async Task<IResult> HandleAsync(
        string id, ResizeVolumeRequest request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        BlockStorageDbContext db, VolumeAction action, CancellationToken ct)
    {
        var sizeBytes = VolumeSize.Require(request.SizeBytes.Bytes);
        return await action.RunAsync<VolumeResizeSaga>(id, caller, ifMatch, wait, context, "resizing", async (volume, now) =>
        {
            var before = volume.SizeBytes;
            volume.BeginResize(sizeBytes, now);
            await VolumeQuotas.ReserveAsync(db, volume.Project, 0, sizeBytes - before, ct);
            return new VolumeSagaData(volume.Id);
        }, ct);
    }
}
