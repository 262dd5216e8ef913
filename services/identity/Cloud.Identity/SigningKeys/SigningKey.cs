namespace Cloud.Identity.SigningKeys;

/// <summary>A key that signs tokens between services (ES256). The newest signs; the one before still verifies.</summary>
internal sealed class SigningKey
{
    /// <summary>As tokens and the JWKS name it. Sorts by the time of its making.</summary>
    public required string Kid { get; init; }

    /// <summary>SubjectPublicKeyInfo.</summary>
    public required byte[] PublicKey { get; init; }

    /// <summary>PKCS#8, sealed by the <see cref="Secrets.SecretBox"/> for <see cref="Kid"/>.</summary>
    public required byte[] SealedPrivateKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}
