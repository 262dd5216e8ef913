using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The body of <c>POST /v1/volumes/{id}/attach</c>.</summary>
public sealed record AttachVolumeRequest
{
    /// <summary>The id of an instance of the project, running or not.</summary>
    public required string Instance { get; init; }

    /// <summary>The guest cannot write to it.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The volume is deleted with the instance.</summary>
    public bool DeleteOnTermination { get; init; }
}

internal static class AttachVolume
{
    public static async Task<IResult> HandleAsync(
        string id, AttachVolumeRequest request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, IVolumeHosts hosts,
        VolumeAction action, CancellationToken ct)
    {
        var instance = await hosts.FindInstanceAsync(caller.Project, request.Instance, ct)
            ?? throw CloudException.Invalid("instance", $"There is no instance '{request.Instance}'.");
        if (instance.Goes)
        {
            throw CloudException.Conflict("instance-deleting", $"Instance '{instance.Id}' is being deleted.");
        }

        return await action.RunAsync<VolumeAttachSaga>(id, caller, ifMatch, wait, context, "attaching", (volume, now) =>
        {
            volume.RequireOnHost(instance.Host);
            volume.BeginAttach(instance.Id, request.ReadOnly, request.DeleteOnTermination, now);
            return Task.FromResult(new VolumeSagaData(volume.Id));
        }, ct);
    }
}
