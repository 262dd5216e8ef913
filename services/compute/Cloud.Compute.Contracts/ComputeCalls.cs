using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Contracts;

/// <summary>How the compute service in another process is asked.</summary>
public static class ComputeCalls
{
    /// <summary>The name of the client, for who registers one.</summary>
    public const string Client = "compute";

    internal static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web);

    /// <exception cref="CloudException">It refused, or does not answer.</exception>
    internal static async Task<HttpResponseMessage> SendAsync(
        HttpClient http, HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = body as HttpContent ?? JsonContent.Create(body, body.GetType(), options: Json);
        }

        HttpResponseMessage response;
        try
        {
            response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        }
        catch (Exception away) when (away is HttpRequestException || (away is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw new CloudException(ErrorKind.Unavailable, "compute-unreachable", "The compute service does not answer now.", away);
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

    private static async Task<CloudException> ToRefusalAsync(HttpResponseMessage response, CancellationToken ct)
    {
        var (code, detail) = ("compute-failed", "The compute service could not do it.");
        try
        {
            using var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync(ct));
            code = problem.RootElement.GetProperty("code").GetString() ?? code;
            detail = problem.RootElement.GetProperty("detail").GetString() ?? detail;
        }
        catch (Exception other) when (other is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // Not a problem document: the status alone tells.
        }

        return new CloudException(
            response.StatusCode switch
            {
                HttpStatusCode.NotFound => ErrorKind.NotFound,
                HttpStatusCode.Conflict => ErrorKind.Conflict,
                HttpStatusCode.BadRequest => ErrorKind.Invalid,
                HttpStatusCode.UnprocessableEntity => ErrorKind.Unprocessable,
                _ => ErrorKind.Unavailable,
            },
            code, detail);
    }
}
