namespace Cloud.Identity.Tokens;

/// <summary>Whether a token, or an access key, opens anything.</summary>
public enum TokenStatus
{
    Active = 1,

    Expired = 2,

    /// <summary>The row stays for the audit log and for the answer to a second DELETE.</summary>
    Revoked = 3,
}
