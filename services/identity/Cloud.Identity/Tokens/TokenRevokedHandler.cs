using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Messaging;

namespace Cloud.Identity.Tokens;

/// <summary>Another replica has revoked a token: what this one remembers of it is over.</summary>
internal sealed class TokenRevokedHandler(TokenExchange exchange) : IMessageHandler<IdentityDbContext, TokenRevoked>
{
    public Task HandleAsync(TokenRevoked message, IdentityDbContext db, CancellationToken ct)
    {
        exchange.Forget();
        return Task.CompletedTask;
    }
}
