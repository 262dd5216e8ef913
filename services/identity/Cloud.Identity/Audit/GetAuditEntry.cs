using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Audit;

internal static class GetAuditEntry
{
    public static async Task<AuditEntryView> HandleAsync(string id, Caller caller, IdentityDbContext db, CancellationToken ct) =>
        AuditEntryId.TryParse(id, out var entryId)
        && await db.AuditEntries.AsNoTracking().VisibleTo(caller, caller.IsAdmin)
            .SingleOrDefaultAsync(entry => entry.Id == entryId, ct) is { } entry
            ? AuditEntryView.From(entry)
            : throw CloudException.NotFound("audit entry", id);
}
