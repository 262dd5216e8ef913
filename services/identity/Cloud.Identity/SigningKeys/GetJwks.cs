using Microsoft.IdentityModel.Tokens;

namespace Cloud.Identity.SigningKeys;

/// <summary>The keys that tokens between services are verified by (RFC 7517 §5).</summary>
/// <param name="Keys">The one that signs and the one before.</param>
public sealed record JwksView(IReadOnlyList<JwkView> Keys);

/// <summary>A public key on the curve P-256 (RFC 7518 §6.2).</summary>
public sealed record JwkView(string Kty, string Crv, string Use, string Alg, string Kid, string X, string Y)
{
    internal static JwkView From(ECDsaSecurityKey key)
    {
        var point = key.ECDsa.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64UrlEncoder.Encode(point.X), Base64UrlEncoder.Encode(point.Y));
        return new JwkView("EC", "P-256", "sig", SecurityAlgorithms.EcdsaSha256, key.KeyId, x, y);
    }
}

internal static class GetJwks
{
    public static async Task<JwksView> HandleAsync(KeyRing keys, CancellationToken ct) =>
        new((await keys.ListAsync(ct)).Select(JwkView.From).ToList());
}
