using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Stops the guest's processors; its memory stays.</summary>
internal static class PauseInstance
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, CancellationToken ct) =>
        action.RunAsync<InstancePauseSaga>(id, caller, ifMatch, wait, context, (instance, now) => instance.BeginPause(now), ct);
}
