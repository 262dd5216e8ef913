using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.InstanceTypes;

internal static class InstanceTypeEndpoints
{
    public static void MapInstanceTypes(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/instance-types").WithTags("Instance types").RequireRole(Role.Viewer);
        read.MapGet("/", ListInstanceTypes.HandleAsync).WithName("ListInstanceTypes")
            .WithSummary("Lists the presets of processors, memory and disk");
        read.MapGet("/{id}", GetInstanceType.HandleAsync).WithName("GetInstanceType").WithSummary("Shows one instance type, by name or id");
        routes.MapPost("/v1/instance-types", CreateInstanceType.HandleAsync).WithTags("Instance types").RequireRole(Role.Admin)
            .WithName("CreateInstanceType").WithSummary("Adds an instance type");
    }
}
