using System.Security.Cryptography;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3;
using Cloud.ServiceDefaults.Auth;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.Blobs;

/// <summary>
/// The keys of encrypted objects. Each object has one of its own, sealed by the service's key (SSE-S3) or the customer's (SSE-C), which
/// is forgotten with the answer. The service's lies in <c>{data}/secrets/objects.key</c>: without the file those objects are lost.
/// </summary>
internal sealed class ObjectKeys
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly byte[] _master;

    public ObjectKeys(IOptions<ObjectStorageOptions> options)
    {
        var path = options.Value.KeyFile;
        var text = PrivateFile.ReadOrCreate(
            path, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(BlobCipher.KeyBytes))).Trim();
        _master = text.Length == 2 * BlobCipher.KeyBytes && text.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(text)
            : throw new InvalidOperationException($"{path} holds no key: expected {2 * BlobCipher.KeyBytes} hexadecimal digits.");
    }

    /// <summary>A secret of the service's own for another purpose.</summary>
    public string SecretFor(string purpose) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_master, System.Text.Encoding.UTF8.GetBytes(purpose)));

    /// <summary>A new key for an object.</summary>
    public Encryption New(CustomerKey? customer)
    {
        var key = RandomNumberGenerator.GetBytes(BlobCipher.KeyBytes);
        return new Encryption { SealedKey = Seal(key, customer?.Key ?? _master), CustomerKeyMd5 = customer?.Md5 };
    }

    /// <summary>What reads and writes the object's bytes; null where they are plain.</summary>
    /// <exception cref="S3Exception">The customer's key is missing, not needed, or another one.</exception>
    public BlobCipher? Open(Encryption? encryption, CustomerKey? customer)
    {
        if (encryption?.CustomerKeyMd5 is null && customer is not null)
        {
            throw S3Error.InvalidRequest.With("The encryption parameters are not applicable to this object.");
        }

        if (encryption is null)
        {
            return null;
        }

        if (encryption.CustomerKeyMd5 is not null && customer is null)
        {
            throw S3Error.InvalidRequest.With(
                "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the "
                + "object.");
        }

        try
        {
            var box = encryption.SealedKey;
            var key = new byte[BlobCipher.KeyBytes];
            using var aes = new AesGcm(customer?.Key ?? _master, TagBytes);
            aes.Decrypt(box.AsSpan(0, NonceBytes), box.AsSpan(NonceBytes + TagBytes), box.AsSpan(NonceBytes, TagBytes), key);
            return new BlobCipher(key);
        }
        catch (CryptographicException) when (customer is not null)
        {
            throw S3Error.InvalidRequest.With("The customer's key is not the one that the object was stored with.");
        }
    }

    private static byte[] Seal(byte[] secret, byte[] key)
    {
        var box = new byte[NonceBytes + TagBytes + secret.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(box.AsSpan(0, NonceBytes), secret, box.AsSpan(NonceBytes + TagBytes), box.AsSpan(NonceBytes, TagBytes));
        return box;
    }
}

/// <summary>The key that a customer sends with each request of an object (SSE-C). Never stored, never logged.</summary>
internal sealed record CustomerKey(byte[] Key, string Md5)
{
    private const string Prefix = "x-amz-server-side-encryption-customer-";
    private const string CopyPrefix = "x-amz-copy-source-server-side-encryption-customer-";

    /// <summary>Not the key.</summary>
    public override string ToString() => nameof(CustomerKey);

    /// <returns>Null where the request carries none.</returns>
    /// <exception cref="S3Exception">It is no such key.</exception>
    public static CustomerKey? Read(S3Request request, bool copySource = false)
    {
        var prefix = copySource ? CopyPrefix : Prefix;
        var algorithm = request.Header(prefix + "algorithm");
        var text = request.Header(prefix + "key");
        var md5 = request.Header(prefix + "key-md5");
        if (algorithm is null && text is null && md5 is null)
        {
            return null;
        }

        if (algorithm is null)
        {
            throw S3Error.InvalidArgument.With(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.");
        }

        if (algorithm != "AES256")
        {
            throw S3Error.InvalidEncryptionAlgorithm.With();
        }

        var key = new byte[BlobCipher.KeyBytes + 1];
        if (text is null || !Convert.TryFromBase64String(text, key, out var written) || written != BlobCipher.KeyBytes)
        {
            throw S3Error.InvalidArgument.With(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key: 256 bits.");
        }

        key = key[..BlobCipher.KeyBytes];
        if (md5 is null || md5 != Convert.ToBase64String(MD5.HashData(key)))
        {
            throw S3Error.InvalidArgument.With(
                "The calculated MD5 hash of the key did not match the hash that was provided.", ("ArgumentName", prefix + "key-md5"));
        }

        return new CustomerKey(key, md5);
    }
}
