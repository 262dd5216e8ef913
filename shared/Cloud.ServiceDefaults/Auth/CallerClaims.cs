namespace Cloud.ServiceDefaults.Auth;

/// <summary>The claims of a token between services.</summary>
public static class CallerClaims
{
    public const string Subject = "sub";
    public const string Token = "tid";
    public const string Project = "prj";
    public const string ProjectName = "prn";
    public const string Role = "rol";
}
