using System.Net;
using Cloud.Identity.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>Asks identity in another process.</summary>
internal sealed class AccessKeyClient(IHttpClientFactory clients) : IAccessKeySecrets
{
    /// <summary>The name of the HTTP client, whose base address is identity's.</summary>
    public const string Client = "identity-access-keys";

    public async Task<AccessKeySecret?> FindAsync(string accessKeyId, CancellationToken ct)
    {
        try
        {
            using var answer = await clients.CreateClient(Client)
                .GetAsync(new Uri($"/internal/v1/access-keys/{Uri.EscapeDataString(accessKeyId)}", UriKind.Relative), ct);
            if (answer.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            answer.EnsureSuccessStatusCode();
            return await answer.Content.ReadFromJsonAsync<AccessKeySecret>(JsonDefaults.Options, ct);
        }
        catch (Exception failed) when (failed is HttpRequestException || (failed is TaskCanceledException && !ct.IsCancellationRequested))
        {
            throw new CloudException(
                ErrorKind.Unavailable, "identity-unavailable", "The identity service does not answer now. Try again.", failed);
        }
    }
}
