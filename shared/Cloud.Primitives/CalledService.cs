using System.Net;
using System.Text.Json;

namespace Cloud.Primitives;

/// <summary>Another service that one calls over HTTP: what it refuses is thrown as it said it.</summary>
/// <param name="Word">What its codes begin with where it says none itself: of <c>host</c>, <c>host-unreachable</c>.</param>
/// <param name="Name">For people, as a sentence begins: <c>Block storage</c>.</param>
public sealed record CalledService(string Word, string Name)
{
    /// <summary>Sends a request and answers the response's head, of a success; the caller disposes of it.</summary>
    /// <exception cref="CloudException">The service refused, or does not answer.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpRequestMessage request, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(client);
        HttpResponseMessage response;
        try
        {
            response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (Exception away) when (away is HttpRequestException || (away is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw Unreachable(away);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await ToRefusalAsync(response, ct);
        }
    }

    /// <summary>It does not answer.</summary>
    public CloudException Unreachable(Exception away) =>
        new(ErrorKind.Unavailable, $"{Word}-unreachable", $"{Name} does not answer now.", away);

    private async Task<CloudException> ToRefusalAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var (code, detail) = ($"{Word}-failed", $"{Name} could not do it.");
        try
        {
            using var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync(ct));
            code = problem.RootElement.GetProperty("code").GetString() ?? code;
            detail = problem.RootElement.GetProperty("detail").GetString() ?? detail;
        }
        catch (Exception other) when (other is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not a problem document: an older or a broken service. The status alone tells.
        }

        return new CloudException(KindOf(response.StatusCode), code, detail);
    }

    private static ErrorKind KindOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.NotFound => ErrorKind.NotFound,
        HttpStatusCode.Conflict => ErrorKind.Conflict,
        HttpStatusCode.BadRequest => ErrorKind.Invalid,
        HttpStatusCode.PreconditionFailed => ErrorKind.PreconditionFailed,
        HttpStatusCode.UnprocessableEntity => ErrorKind.Unprocessable,
        HttpStatusCode.RequestEntityTooLarge => ErrorKind.TooLarge,
        _ => ErrorKind.Unavailable,
    };
}
