using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>Resets the guest; it boots again on the same disks.</summary>
internal static class RebootInstance
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, InstanceAction action, CancellationToken ct) =>
        action.RunAsync<InstanceRebootSaga>(id, caller, ifMatch, wait, context, (instance, now) => instance.BeginReboot(now), ct);
}
