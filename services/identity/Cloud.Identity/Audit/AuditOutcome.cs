namespace Cloud.Identity.Audit;

/// <summary>How an audited call ended. The numbers are stored and never change.</summary>
public enum AuditOutcome
{
    /// <summary>It was done, or its work began.</summary>
    Allowed = 1,

    /// <summary>Who called was not known, or may not.</summary>
    Refused = 2,
}
