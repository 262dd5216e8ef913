using Cloud.ServiceDefaults.Auth;

namespace Cloud.Identity.Audit;

internal static class AuditEndpoints
{
    public static void MapAudit(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/audit").WithTags("Audit").RequireRole(Role.Owner);
        read.MapGet("/", ListAudit.HandleAsync)
            .WithName("ListAudit").WithSummary("Lists who did what in the project and who was refused, newest first");
        read.MapGet("/{id}", GetAuditEntry.HandleAsync).WithName("GetAuditEntry").WithSummary("Shows one line of the audit log");
    }
}
