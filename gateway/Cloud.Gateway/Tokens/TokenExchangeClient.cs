using System.Net;
using System.Text.Json;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.Gateway.Tokens;

/// <summary>The identity service in another process.</summary>
internal sealed class TokenExchangeClient(IHttpClientFactory clients) : ITokenExchange
{
    /// <summary>The name of the HTTP client, whose base address is identity's.</summary>
    public const string Client = "token-exchange";

    private const string Path = "/internal/v1/token-exchange";

    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public async Task<ExchangedToken?> ExchangeAsync(string apiToken, string? project, CancellationToken ct)
    {
        try
        {
            using var answer = await clients.CreateClient(Client)
                .PostAsJsonAsync(Path, new TokenExchangeRequest(apiToken, project), JsonDefaults.Options, ct);
            return answer.StatusCode switch
            {
                HttpStatusCode.OK => await answer.Content.ReadFromJsonAsync<ExchangedToken>(JsonDefaults.Options, ct),
                HttpStatusCode.NoContent => null,
                HttpStatusCode.NotFound or HttpStatusCode.BadRequest => throw await RefusalAsync(answer, project, ct),
                _ => throw Unavailable($"identity answered {(int)answer.StatusCode}"),
            };
        }
        catch (Exception failed)
            when (failed is HttpRequestException or JsonException || (failed is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw Unavailable(failed.Message, failed);
        }
    }

    /// <summary>Identity's own words: there is no such project, or it is named in a wrong form.</summary>
    private static async Task<CloudException> RefusalAsync(HttpResponseMessage answer, string? project, CancellationToken ct)
    {
        if (answer.StatusCode == HttpStatusCode.BadRequest)
        {
            using var problem = await JsonDocument.ParseAsync(await answer.Content.ReadAsStreamAsync(ct), default, ct);
            return CloudException.Invalid(
                "project",
                problem.RootElement.TryGetProperty("detail", out var detail) ? detail.GetString() ?? "" : "It has a wrong form.");
        }

        return CloudException.NotFound("project", project ?? "");
    }

    private static CloudException Unavailable(string reason, Exception? inner = null) => new(
        ErrorKind.Unavailable, "identity-unavailable", "The identity service does not answer now. Try again.",
        inner ?? new InvalidOperationException(reason))
    {
        RetryAfter = RetryAfter,
    };
}
