using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Cloud.Compute.KeyPairs;

/// <summary>A public key as OpenSSH writes it: type, base64 blob, comment (RFC 4253 §6.6).</summary>
internal sealed record PublicKey(string Line, string Fingerprint)
{
    public const string Form = "one line of OpenSSH's form, such as \"ssh-ed25519 AAAA… you@host\"";

    private const int LengthMax = 16 * 1024;

    private static readonly HashSet<string> Types =
    [
        "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
    ];

    public static bool TryParse(string? text, [NotNullWhen(true)] out PublicKey? key)
    {
        key = null;
        var line = text?.Trim();
        if (line is null || line.Length > LengthMax || line.Any(char.IsControl))
        {
            return false;
        }

        var parts = line.Split(' ', 3);
        var blob = new byte[LengthMax];
        if (parts.Length < 2 || !Types.Contains(parts[0]) || !Convert.TryFromBase64String(parts[1], blob, out var length))
        {
            return false;
        }

        // The blob starts with the type's name once more, length first.
        var type = Encoding.ASCII.GetBytes(parts[0]);
        if (length < 4 + type.Length || BinaryPrimitives.ReadUInt32BigEndian(blob) != type.Length
            || !blob.AsSpan(4, type.Length).SequenceEqual(type))
        {
            return false;
        }

        key = new PublicKey(line, "SHA256:" + Convert.ToBase64String(SHA256.HashData(blob.AsSpan(0, length))).TrimEnd('='));
        return true;
    }
}
