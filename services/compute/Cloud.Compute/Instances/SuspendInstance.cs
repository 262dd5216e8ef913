using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Keeps what the guest is on its host's disk and ends its process; resume lets it go on.</summary>
internal static class SuspendInstance
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, CancellationToken ct) =>
        action.RunAsync<InstanceSuspendSaga>(id, caller, ifMatch, wait, context, (instance, now) => instance.BeginSuspend(now), ct);
}
