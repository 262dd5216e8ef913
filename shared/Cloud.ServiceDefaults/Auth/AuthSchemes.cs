namespace Cloud.ServiceDefaults.Auth;

/// <summary>The ways in which a service learns who calls.</summary>
public static class AuthSchemes
{
    /// <summary><c>Authorization: Bearer JWT</c>, signed by identity: a user's call.</summary>
    public const string Caller = "Caller";

    /// <summary><c>Authorization: Service SECRET</c>: a call of the cloud's own processes, for <c>/internal</c> routes alone.</summary>
    public const string ServiceKey = "ServiceKey";
}
