using Cloud.Identity.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Audit;

/// <summary>What can be asked of the audit log; for the API's description, as <see cref="AuditQuery"/> reads it.</summary>
/// <param name="User">A user's id.</param>
/// <param name="Token">A token's id.</param>
/// <param name="Action">An action such as <c>instance.created</c>; with a dot at its end all that begin so.</param>
/// <param name="Resource">A resource's id.</param>
/// <param name="Outcome"><c>allowed</c> or <c>refused</c>.</param>
/// <param name="TraceId">A W3C trace id.</param>
/// <param name="Since">A time in RFC 3339; inclusive.</param>
/// <param name="Until">A time in RFC 3339; exclusive.</param>
/// <param name="AllProjects">For admins: <c>true</c> for all projects, the cloud's own doings and calls without a valid token.</param>
internal sealed record AuditQuestions(
    [FromQuery] string? User,
    [FromQuery] string? Token,
    [FromQuery] string? Action,
    [FromQuery] string? Resource,
    [FromQuery] string? Outcome,
    [FromQuery] string? TraceId,
    [FromQuery] string? Since,
    [FromQuery] string? Until,
    [FromQuery] string? AllProjects);

internal static class ListAudit
{
    public static async Task<Page<AuditEntryView>> HandleAsync(
        [AsParameters] AuditQuestions questions,
        Caller caller,
        ListQuery list,
        HttpContext context,
        IdentityDbContext db,
        CancellationToken ct)
    {
        var rows = db.AuditEntries.AsNoTracking().Asked(caller, context.Request.Query);
        if (list.After is { } before)
        {
            rows = rows.Where(entry => string.Compare((string)(object)entry.Id, before) < 0);
        }

        var found = await rows.OrderByDescending(entry => entry.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, entry => entry.Id.Value, AuditEntryView.From);
    }
}
