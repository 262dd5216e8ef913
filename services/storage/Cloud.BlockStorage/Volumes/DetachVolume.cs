using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes/{id}/detach</c>, which can be left out.</summary>
public sealed record DetachVolumeRequest
{
    /// <summary>A guest that does not let go of it in time is reset. Without, the volume stays attached and says why.</summary>
    public bool Force { get; init; }
}

internal static class DetachVolume
{
    public static Task<IResult> HandleAsync(
        string id, DetachVolumeRequest? request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, VolumeAction action,
        CancellationToken ct) =>
        action.RunAsync<VolumeDetachSaga>(
            id, caller, ifMatch, wait, context, "detaching",
            (volume, now) =>
            {
                volume.BeginDetach(now);
                return Task.FromResult(new VolumeSagaData(volume.Id, request?.Force ?? false));
            },
            ct);
}
