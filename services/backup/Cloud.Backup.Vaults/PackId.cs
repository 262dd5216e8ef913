using System.Security.Cryptography;

namespace Cloud.Backup.Vaults;

/// <summary>The name of a pack: 16 random bytes in hexadecimal digits.</summary>
internal readonly record struct PackId(string Value)
{
    public const int SizeBytes = 16;

    public static PackId New() => new(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SizeBytes)));

    /// <summary>Packs are spread over 256 folders.</summary>
    public string PackName => $"packs/{Value[..2]}/{Value}";

    public string IndexName => $"index/{Value}";

    public static bool TryParse(string name, out PackId id)
    {
        var value = name[(name.LastIndexOf('/') + 1)..];
        id = new PackId(value);
        return value.Length == SizeBytes * 2 && value.All(char.IsAsciiHexDigitLower);
    }
}
