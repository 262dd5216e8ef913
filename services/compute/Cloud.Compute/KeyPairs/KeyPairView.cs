using Cloud.Primitives;

namespace Cloud.Compute.KeyPairs;

/// <summary>A key pair as the API shows it.</summary>
/// <param name="PrivateKey">Only in the answer to a create that gave no public key; it is stored nowhere.</param>
public sealed record KeyPairView(
    KeyPairId Id, string Name, Labels Labels, string PublicKey, string Fingerprint, string? PrivateKey, DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt)
{
    internal static KeyPairView From(KeyPair keyPair, string? privateKey = null) =>
        new(
            keyPair.Id, keyPair.Name, keyPair.Labels, keyPair.PublicKey, keyPair.Fingerprint, privateKey, keyPair.CreatedAt,
            keyPair.UpdatedAt);
}
