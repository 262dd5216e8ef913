using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Instances;

internal static class InstanceEndpoints
{
    public static void MapInstances(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/instances").WithTags("Instances").RequireRole(Role.Viewer);
        read.MapGet("/", ListInstances.HandleAsync).WithName("ListInstances").WithSummary("Lists the project's instances");
        read.MapGet("/{id}", GetInstance.HandleAsync).WithName("GetInstance").WithSummary("Shows one instance");
        read.MapGet("/{id}/boot", GetInstanceBoot.HandleAsync).WithName("GetInstanceBoot")
            .WithSummary("Shows the phases of the latest boot");
        read.MapGet("/{id}/console", GetInstanceConsole.HandleAsync).WithName("GetInstanceConsole")
            .WithSummary("Shows what the console printed");
        read.MapGet("/{id}/console/ws", OpenInstanceTerminal.HandleAsync).WithName("OpenInstanceTerminal").RequireRole(Role.Editor)
            .WithSummary("A terminal on the serial console, over WebSocket");
        read.MapGet("/{id}/placement", GetInstancePlacement.HandleAsync).WithName("GetInstancePlacement")
            .WithSummary("Shows why it is on its host");
        read.MapGet("/{id}/migration", GetInstanceMigration.HandleAsync).WithName("GetInstanceMigration")
            .WithSummary("Shows how far its latest way to another host is");
        read.MapGet("/{id}/metrics", GetInstanceMetrics.HandleAsync).WithName("GetInstanceMetrics")
            .WithSummary("Shows counters of the guest's process");
        read.MapGet("/{id}/exits", GetInstanceExits.HandleAsync).WithName("GetInstanceExits")
            .WithSummary("Shows what took the processors out of the guest's code, and how often");
        read.MapGet("/{id}/harts", GetInstanceHarts.HandleAsync).WithName("GetInstanceHarts").RequireRole(Role.Editor)
            .WithSummary("Shows the processors of a simulated guest, and a page walk of ?address=");

        var change = routes.MapGroup("/v1/instances").WithTags("Instances").RequireRole(Role.Editor);
        change.MapPost("/", CreateInstance.HandleAsync).WithName("CreateInstance").WithSummary("Makes an instance and boots it");
        change.MapPatch("/{id}", PatchInstance.HandleAsync).WithName("PatchInstance")
            .WithSummary("Renames, labels or protects an instance");
        change.MapDelete("/{id}", DeleteInstance.HandleAsync).WithName("DeleteInstance")
            .WithSummary("Ends an instance and removes its disks");
        change.MapPost("/{id}/start", StartInstance.HandleAsync).WithName("StartInstance").WithSummary("Boots a stopped instance");
        change.MapPost("/{id}/stop", StopInstance.HandleAsync).WithName("StopInstance").WithSummary("Powers an instance off");
        change.MapPost("/{id}/reboot", RebootInstance.HandleAsync).WithName("RebootInstance").WithSummary("Resets an instance");
        change.MapPost("/{id}/pause", PauseInstance.HandleAsync).WithName("PauseInstance").WithSummary("Stops an instance's processors");
        change.MapPost("/{id}/resume", ResumeInstance.HandleAsync).WithName("ResumeInstance")
            .WithSummary("Lets a paused or suspended instance go on");
        change.MapPost("/{id}/suspend", SuspendInstance.HandleAsync).WithName("SuspendInstance")
            .WithSummary("Keeps an instance's memory on disk and frees it; resume lets it go on");
        change.MapPost("/{id}/fork", ForkInstance.HandleAsync).WithName("ForkInstance")
            .WithSummary("Makes running instances that go on from what this one is now");
        change.MapPost("/{id}/migrate", MigrateInstance.HandleAsync).WithName("MigrateInstance").RequireRole(Role.Admin)
            .WithSummary("Has a running instance go on on another host");
        change.MapPost("/{id}/migrate/cancel", CancelInstanceMigration.HandleAsync).WithName("CancelInstanceMigration")
            .RequireRole(Role.Admin).WithSummary("Calls a migration off");
        change.MapPost("/{id}/resize", ResizeInstance.HandleAsync).WithName("ResizeInstance")
            .WithSummary("Gives a stopped instance, or a container, another type");
        change.MapPost("/{id}/exec", ExecInInstance.HandleAsync).WithName("ExecInInstance").WithSummary("Runs a command in the guest");
    }
}
