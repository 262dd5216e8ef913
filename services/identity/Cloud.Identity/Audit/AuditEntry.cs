namespace Cloud.Identity.Audit;

/// <summary>One line of the audit log. It is never changed nor removed: the database itself refuses that.</summary>
internal sealed class AuditEntry
{
    public required AuditEntryId Id { get; init; }

    /// <summary>The event or message that told it, so that what is told twice is written once.</summary>
    public required string Source { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>The user's id; null where no valid token came, or the cloud acted of its own.</summary>
    public string? User { get; init; }

    /// <summary>The token's id.</summary>
    public string? Token { get; init; }

    /// <summary>The role that it was used with.</summary>
    public string? Role { get; init; }

    /// <summary>The project's id; empty for the whole cloud's.</summary>
    public required string Project { get; init; }

    /// <summary>What happened (<c>instance.created</c>), or what was refused (<c>DELETE /v1/instances/i-…</c>).</summary>
    public required string Action { get; init; }

    /// <summary>The resource's id.</summary>
    public string? Resource { get; init; }

    public required AuditOutcome Outcome { get; init; }

    /// <summary>Where it was refused: the status.</summary>
    public string? Detail { get; init; }

    public string? TraceId { get; init; }

    /// <summary>The caller's IP address, where it is known.</summary>
    public string? SourceAddress { get; init; }
}
