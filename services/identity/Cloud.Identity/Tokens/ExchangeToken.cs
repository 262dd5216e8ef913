using Cloud.Identity.Contracts;

namespace Cloud.Identity.Tokens;

/// <summary><c>POST /internal/v1/token-exchange</c>: <see cref="ITokenExchange"/> over HTTP, for the gateway.</summary>
internal static class ExchangeToken
{
    public static async Task<IResult> HandleAsync(TokenExchangeRequest request, ITokenExchange exchange, CancellationToken ct) =>
        await exchange.ExchangeAsync(request.Token, request.Project, ct) is { } exchanged
            ? TypedResults.Ok(exchanged)
            : TypedResults.NoContent();
}
