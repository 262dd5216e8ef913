using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Boots a stopped or failed instance.</summary>
internal static class StartInstance
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, CancellationToken ct) =>
        action.RunAsync<InstanceStartSaga>(id, caller, ifMatch, wait, context, (instance, now) => instance.BeginStart(now), ct);
}
