namespace Cloud.Identity.Contracts;

/// <summary>
/// Finds what a signature is verified by: identity's own where it is hosted in the same process, else by HTTP. Keep an answer for seconds
/// at most, and drop it on <see cref="AccessKeyRevoked"/>.
/// </summary>
public interface IAccessKeySecrets
{
    /// <param name="accessKeyId"><c>AKIA…</c>, as a client sent it.</param>
    /// <returns>Null for one that is unknown, expired or revoked, or whose user is gone.</returns>
    Task<AccessKeySecret?> FindAsync(string accessKeyId, CancellationToken ct);
}
