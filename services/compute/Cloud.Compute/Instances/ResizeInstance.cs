using Cloud.Compute.InstanceTypes;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>POST /v1/instances/{id}/resize</c>.</summary>
public sealed record ResizeInstanceRequest
{
    /// <summary>The name or id of an instance type.</summary>
    public required string Type { get; init; }
}

/// <summary>
/// Gives a stopped instance another type, or a container that runs. The root disk grows where the type's is larger, and never shrinks.
/// </summary>
internal static class ResizeInstance
{
    public static async Task<IResult> HandleAsync(
        string id,
        ResizeInstanceRequest request,
        Caller caller,
        IfMatch ifMatch,
        WaitQuery wait,
        HttpContext context,
        ComputeDbContext db,
        InstanceAction action,
        CancellationToken ct)
    {
        var type = await db.InstanceTypes.FindNamedAsync(request.Type, ct);
        return await action.RunAsync<InstanceResizeSaga>(
            id, caller, ifMatch, wait, context,
            async (instance, now) =>
            {
                await InstanceQuotas.ResizeAsync(db, instance, type.Vcpus, type.MemoryBytes, ct);
                instance.BeginResize(type.Name, type.Vcpus, type.MemoryBytes, type.RootDiskBytes, now);
            },
            ct);
    }
}
