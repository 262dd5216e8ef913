using Cloud.Identity.Contracts;
using Cloud.Primitives;

namespace Cloud.Identity.AccessKeys;

/// <summary><c>GET /internal/v1/access-keys/{accessKeyId}</c>: what a signature is verified by.</summary>
internal static class GetAccessKeySecret
{
    public static async Task<AccessKeySecret> HandleAsync(string id, IAccessKeySecrets secrets, CancellationToken ct) =>
        await secrets.FindAsync(id, ct) ?? throw CloudException.NotFound("access key", id);
}
