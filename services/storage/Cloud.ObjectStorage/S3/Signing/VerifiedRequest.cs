namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>What a request's signature says: whose it is, and what its body must be.</summary>
/// <param name="PayloadHash">The <c>x-amz-content-sha256</c> that was signed.</param>
/// <param name="SigningKey">For the signatures of chunks; null where there is none.</param>
/// <param name="Scope">Of the credential: date, region, service.</param>
/// <param name="Date">As it was signed.</param>
/// <param name="Signature">The one of the headers, from which those of the chunks go on.</param>
internal sealed record VerifiedRequest(
    Principal Caller, string PayloadHash, byte[]? SigningKey, string Scope, string Date, string Signature)
{
    public const string UnsignedPayload = "UNSIGNED-PAYLOAD";
    public const string UnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    public const string SignedChunks = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    public const string SignedChunksTrailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

    public static VerifiedRequest Anonymous { get; } = new(Principal.Anonymous, UnsignedPayload, null, "", "", "");

    /// <summary>The body comes in chunks of its own, whoever signed them.</summary>
    public bool IsChunked => PayloadHash.StartsWith("STREAMING-", StringComparison.Ordinal);
}
