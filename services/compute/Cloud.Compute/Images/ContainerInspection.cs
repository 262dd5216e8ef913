using Cloud.Oci;
using Cloud.Primitives;

namespace Cloud.Compute.Images;

/// <summary>
/// Checks an archive that a user brought in: that it is an image for this cloud, whole by its digests, and holds nothing hostile.
/// </summary>
internal static class ContainerInspection
{
    /// <summary>The archive's size in bytes: a container has no disk of its own.</summary>
    /// <exception cref="CloudException">It is no such image; 422.</exception>
    public static async Task<long> RequireAsync(string path, CancellationToken ct)
    {
        try
        {
            using var archive = await OciArchive.OpenAsync(path, ct);
            await archive.VerifyAsync(await archive.ReadImageAsync("amd64", ct), ct);
            return new FileInfo(path).Length;
        }
        catch (OciException wrong)
        {
            throw new CloudException(ErrorKind.Unprocessable, "not-an-image", wrong.Message, wrong)
            {
                Errors = new Dictionary<string, string[]> { ["content"] = [wrong.Message] },
            };
        }
    }
}
