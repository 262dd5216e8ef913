using System.Net.Http.Json;
using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Contracts;

/// <summary>How the compute service in another process is asked.</summary>
public static class ComputeCalls
{
    internal static CalledService Service { get; } = new("compute", "The compute service");

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

        return await Service.SendAsync(http, request, ct);
    }
}
