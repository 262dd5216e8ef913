namespace Cloud.Identity.Audit;

/// <summary>A line of the audit log as the API shows it.</summary>
/// <param name="Project">Empty for the whole cloud's.</param>
/// <param name="User">The user's id; null where no valid token came, or the cloud acted of its own.</param>
/// <param name="Token">The token's id.</param>
/// <param name="Role">The role that it was used with.</param>
/// <param name="Action">What happened (<c>instance.created</c>), or what was refused (<c>DELETE /v1/instances/i-…</c>).</param>
/// <param name="Detail">Where it was refused: the status.</param>
public sealed record AuditEntryView(
    AuditEntryId Id,
    DateTimeOffset At,
    string Project,
    string? User,
    string? Token,
    string? Role,
    string Action,
    string? Resource,
    AuditOutcome Outcome,
    string? Detail,
    string? TraceId,
    string? SourceAddress)
{
    internal static AuditEntryView From(AuditEntry entry) => new(
        entry.Id,
        entry.At,
        entry.Project,
        entry.User,
        entry.Token,
        entry.Role,
        entry.Action,
        entry.Resource,
        entry.Outcome,
        entry.Detail,
        entry.TraceId,
        entry.SourceAddress);
}
