using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>What a call was answered with: enough to say it again.</summary>
internal sealed record IdempotentAnswer(int Status, string? ContentType, string? ETag, string? Location, byte[] Body)
{
    public const string ReplayedHeader = "Idempotency-Replayed";

    public bool Succeeded => Status is >= StatusCodes.Status200OK and < StatusCodes.Status300MultipleChoices;

    /// <summary>Lets a route answer into memory.</summary>
    public static async Task<IdempotentAnswer> CaptureAsync(HttpContext context, RequestDelegate serve)
    {
        var connection = context.Features.GetRequiredFeature<IHttpResponseBodyFeature>();
        using var body = new MemoryStream();
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(body));
        try
        {
            await serve(context);
            await context.Response.BodyWriter.FlushAsync();
        }
        finally
        {
            context.Features.Set(connection);
        }

        var response = context.Response;
        return new IdempotentAnswer(
            response.StatusCode, response.ContentType, response.Headers.ETag, response.Headers.Location, body.ToArray());
    }

    public async Task WriteAsync(HttpContext context, bool replayed)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.Headers.ETag = ETag;
        response.Headers.Location = Location;
        if (replayed)
        {
            response.Headers[ReplayedHeader] = "true";
        }

        if (Body.Length > 0)
        {
            response.ContentLength = Body.Length;
            await response.Body.WriteAsync(Body, context.RequestAborted);
        }
    }

    /// <summary>
    /// Encrypted, since answers can hold what is shown once (a token, a private key) and stored nowhere else: with a key that takes both
    /// the cloud's own secret, which the database has not, and the caller's, which nobody here keeps.
    /// </summary>
    public byte[] Seal(byte[] secret, IdempotencyKey key)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(this, JsonSerializerOptions.Web);
        var sealedBytes = new byte[NonceLength + TagLength + plain.Length];
        var nonce = sealedBytes.AsSpan(0, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(KeyOf(secret, key), TagLength);
        aes.Encrypt(nonce, plain, sealedBytes.AsSpan(NonceLength + TagLength), sealedBytes.AsSpan(NonceLength, TagLength));
        return sealedBytes;
    }

    /// <summary>Null where it cannot be opened: the cloud's secret is another one by now.</summary>
    public static IdempotentAnswer? Open(byte[] sealedBytes, byte[] secret, IdempotencyKey key)
    {
        var plain = new byte[sealedBytes.Length - NonceLength - TagLength];
        using var aes = new AesGcm(KeyOf(secret, key), TagLength);
        try
        {
            aes.Decrypt(
                sealedBytes.AsSpan(0, NonceLength), sealedBytes.AsSpan(NonceLength + TagLength), sealedBytes.AsSpan(NonceLength, TagLength),
                plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        return JsonSerializer.Deserialize<IdempotentAnswer>(plain, JsonSerializerOptions.Web);
    }

    private const int NonceLength = 12;
    private const int TagLength = 16;

    private static byte[] KeyOf(byte[] secret, IdempotencyKey key) => HKDF.DeriveKey(
        HashAlgorithmName.SHA256, [.. secret, .. Encoding.UTF8.GetBytes(key.Value)], 32, Encoding.UTF8.GetBytes(key.Id),
        "idempotent-answer"u8.ToArray());
}
