using Cloud.Gateway.Persistence;
using Cloud.Identity.Contracts;
using Cloud.Messaging;

namespace Cloud.Gateway.Tokens;

/// <summary>
/// Forgets a revoked token at once, and ends the streams that it keeps open. Another replica notices by itself when it asks next.
/// </summary>
internal sealed class TokenRevokedHandler(KnownTokens tokens) : IMessageHandler<GatewayDbContext, TokenRevoked>
{
    public Task HandleAsync(TokenRevoked message, GatewayDbContext db, CancellationToken ct)
    {
        tokens.Revoke(message.Token);
        return Task.CompletedTask;
    }
}
