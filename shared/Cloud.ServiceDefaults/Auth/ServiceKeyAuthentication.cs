using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>Knows the cloud's own processes by the service key.</summary>
internal sealed class ServiceKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory log, UrlEncoder encoder, ServiceKey key)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, log, encoder)
{
    private const string Prefix = ServiceKey.HeaderScheme + " ";

    /// <summary>No secret is longer; what is longer is not hashed.</summary>
    private const int HeaderLengthMax = 1024;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        if (header.Length > HeaderLengthMax || !key.Matches(header.AsSpan(Prefix.Length).Trim()))
        {
            return Task.FromResult(AuthenticateResult.Fail("The service key is another one."));
        }

        var service = new ClaimsPrincipal(new ClaimsIdentity(AuthSchemes.ServiceKey));
        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(service, AuthSchemes.ServiceKey)));
    }
}
