using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Auth;

/// <summary>
/// Refuses a revoked token from now on, whatever was verified before. Nothing is stored: a token between services lives for a minute.
/// </summary>
internal sealed class TokenRevokedHandler<TContext>(VerifiedTokens tokens) : IMessageHandler<TContext, TokenRevoked>
    where TContext : DbContext
{
    public Task HandleAsync(TokenRevoked message, TContext db, CancellationToken ct)
    {
        tokens.Revoke(message.Token);
        return Task.CompletedTask;
    }
}

/// <summary>Registers <see cref="TokenRevokedHandler{TContext}"/>.</summary>
public static class TokenRevocation
{
    /// <summary>Has this process refuse a token's calls as soon as identity tells that it was revoked.</summary>
    public static ServiceMessaging<TContext> AddTokenRevocation<TContext>(this ServiceMessaging<TContext> messaging)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(messaging);
        return messaging.AddHandler<TokenRevoked, TokenRevokedHandler<TContext>>();
    }
}
