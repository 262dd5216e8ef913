using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Asks the guest to power off, and ends it by force after a limit.</summary>
internal static class StopInstance
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, CancellationToken ct) =>
        action.RunAsync<InstanceStopSaga>(id, caller, ifMatch, wait, context, (instance, now) => instance.BeginStop(now), ct);
}
