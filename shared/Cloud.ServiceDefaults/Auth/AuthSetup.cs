using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>How every service knows its callers. The gateway puts its own default scheme over it.</summary>
internal static class AuthSetup
{
    private static readonly TimeSpan JwksTimeout = TimeSpan.FromSeconds(5);

    public static void AddCallerAuth(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddHttpClient(JwksClient.Client, (provider, client) =>
        {
            client.BaseAddress = new Uri(provider.GetRequiredService<IConfiguration>()["Cloud:Services:Identity"]
                ?? throw new InvalidOperationException(
                    "Cloud:Services:Identity is not set: there is nobody to ask for the keys of tokens."));
            client.Timeout = JwksTimeout;
        });
        services.TryAddSingleton<IVerificationKeys, JwksClient>();
        services.TryAddSingleton<JwtVerifier>();
        services.TryAddSingleton<VerifiedTokens>();
        services.TryAddSingleton(provider => ServiceKey.ReadOrCreate(PathOfServiceKey(provider.GetRequiredService<IConfiguration>())));
        services.AddAuthentication(AuthSchemes.Caller)
            .AddScheme<AuthenticationSchemeOptions, CallerAuthentication>(AuthSchemes.Caller, null)
            .AddScheme<AuthenticationSchemeOptions, ServiceKeyAuthentication>(AuthSchemes.ServiceKey, null);
        services.AddAuthorizationBuilder().AddRolePolicies();
    }

    private static string PathOfServiceKey(IConfiguration configuration) =>
        configuration["Cloud:ServiceKeyFile"] is { Length: > 0 } file
            ? file
            : Path.Combine(configuration["Cloud:Data"]!, "secrets", "service.key");
}
