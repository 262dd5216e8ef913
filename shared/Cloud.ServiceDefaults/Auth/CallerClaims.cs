namespace Cloud.ServiceDefaults.Auth;

/// <summary>The claims of a token between services, and what else such a token says.</summary>
public static class CallerClaims
{
    public const string Subject = "sub";
    public const string Token = "tid";
    public const string Project = "prj";
    public const string ProjectName = "prn";
    public const string Role = "rol";

    /// <summary>A list of strings; left out where nothing is limited.</summary>
    public const string Scopes = "scp";

    /// <summary>Who signs.</summary>
    public const string Issuer = "cloud-identity";

    /// <summary>Whom it is for: the cloud's services.</summary>
    public const string Audience = "cloud";

    /// <summary>The header's <c>typ</c> (RFC 9068 §2.1), so that no other token of the same key is taken for one of these.</summary>
    public const string TokenType = "at+jwt";
}
