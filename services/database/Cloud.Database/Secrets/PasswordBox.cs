using System.Security.Cryptography;
using System.Text;
using Cloud.Database.Databases;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Database.Secrets;

/// <summary>
/// Seals the servers' passwords before they go into the service's database: AES-256-GCM with the key in the file
/// <c>{Cloud:Data}/secrets/database.key</c>, mode 0600. Without the file the servers run on, and the service cannot manage them.
/// </summary>
internal sealed class PasswordBox(DatabaseOptions options)
{
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int PasswordLength = 32;

    // No sign that a shell, a URL or SQL would read as anything but itself.
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    private readonly Lazy<byte[]> _key = new(() => Convert.FromHexString(PrivateFile.ReadOrCreate(
        options.KeyFile, () => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(KeyBytes))).Trim()));

    public static string NewPassword() => RandomNumberGenerator.GetString(Letters, PasswordLength);

    /// <param name="owner">The database it belongs to: with another it does not open.</param>
    public byte[] Seal(string password, DatabaseId owner)
    {
        var plain = Encoding.UTF8.GetBytes(password);
        var box = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(_key.Value, TagBytes);
        aes.Encrypt(
            box.AsSpan(0, NonceBytes), plain, box.AsSpan(NonceBytes + TagBytes), box.AsSpan(NonceBytes, TagBytes),
            Encoding.UTF8.GetBytes(owner.Value));
        return box;
    }

    /// <exception cref="CryptographicException">It was sealed with another key, or for another database.</exception>
    public string Open(byte[] box, DatabaseId owner)
    {
        var plain = new byte[box.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(_key.Value, TagBytes);
        aes.Decrypt(
            box.AsSpan(0, NonceBytes), box.AsSpan(NonceBytes + TagBytes), box.AsSpan(NonceBytes, TagBytes), plain,
            Encoding.UTF8.GetBytes(owner.Value));
        return Encoding.UTF8.GetString(plain);
    }
}
