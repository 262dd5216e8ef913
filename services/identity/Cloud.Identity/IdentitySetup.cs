using Cloud.Identity.AccessKeys;
using Cloud.Identity.Audit;
using Cloud.Identity.Contracts;
using Cloud.Identity.FirstStart;
using Cloud.Identity.Members;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Quotas;
using Cloud.Identity.Secrets;
using Cloud.Identity.SigningKeys;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.Extensions.Options;

namespace Cloud.Identity;

/// <summary>All of the identity service: what it registers, and its routes.</summary>
public static class IdentitySetup
{
    /// <summary>The name of the service: its database, its queue, its document.</summary>
    public const string Name = "identity";

    private static readonly TimeSpan LastUseBunch = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeyRotationLook = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan QuotaAnnouncement = TimeSpan.FromHours(1);

    public static WebApplicationBuilder AddIdentity(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var data = builder.Configuration["Cloud:Data"]!;
        builder.Services.AddOptions<IdentityOptions>()
            .Configure(options =>
            {
                options.KeyFile = Path.Combine(data, "secrets", "identity.key");
                options.CredentialsFile = Path.Combine(data, "credentials.env");
            })
            .BindConfiguration("Cloud:Identity").ValidateDataAnnotations().ValidateOnStart();
        builder.AddServiceDocument(Name, "Identity", "Projects, members, users, API tokens, S3 access keys, quotas and the audit log.");
        builder.AddCloudDatabase<IdentityDbContext>(Name);
        builder.AddServiceMessaging<IdentityDbContext>(Name, messaging =>
        {
            messaging.AddQuotas();
            messaging.AddTokenRevocation();
            messaging.AddHandler<TokenRevoked, TokenRevokedHandler>();
            messaging.AddHandler<QuotaUsage, QuotaUsageHandler>();
            messaging.AddHandler<ResourceEvent, ResourceEventAudit>();
            messaging.AddHandler<CallRefused, CallRefusedAudit>();
            messaging.AddReconciler<LastUseWriter>(LastUseBunch);
            messaging.AddReconciler<KeyRotation>(KeyRotationLook);
            messaging.AddReconciler<QuotaAnnouncer>(QuotaAnnouncement);
        });
        builder.Services.AddSingleton(services =>
            SecretBox.ReadOrCreate(services.GetRequiredService<IOptions<IdentityOptions>>().Value.KeyFile));
        builder.Services.AddSingleton<KeyRing>();
        builder.Services.AddSingleton<IVerificationKeys>(services => services.GetRequiredService<KeyRing>());
        builder.Services.AddSingleton<JwtSigner>();
        builder.Services.AddSingleton<LastUses>();
        builder.Services.AddSingleton<IAccessKeySecrets, AccessKeySecrets>();
        builder.Services.AddSingleton<TokenExchange>();
        builder.Services.AddSingleton<ITokenExchange>(services => services.GetRequiredService<TokenExchange>());
        builder.Services.AddHostedService<CloudStart>();
        return builder;
    }

    public static void MapIdentity(this IEndpointRouteBuilder routes)
    {
        var identity = routes.MapGroup("").WithGroupName(Name).WithIdempotency<IdentityDbContext>();
        identity.MapProjects();
        identity.MapMembers();
        identity.MapUsers();
        identity.MapTokens();
        identity.MapAccessKeys();
        identity.MapQuotas();
        identity.MapAudit();
        identity.MapSigningKeys();

        var cloud = routes.MapGroup("/internal/v1").RequireServiceKey().ExcludeFromDescription();
        cloud.MapPost("/token-exchange", ExchangeToken.HandleAsync);
        cloud.MapGet("/access-keys/{id}", GetAccessKeySecret.HandleAsync);
    }
}
