using System.Globalization;
using System.Security.Cryptography;

namespace Cloud.ObjectStorage.Index;

/// <summary>Version ids: the rank, so that a version is found by its key alone, and chance, so that nobody guesses one.</summary>
internal static class VersionIds
{
    private const int RankDigits = 16;
    private const int Digits = 32;

    public static string New(long rank) =>
        string.Create(CultureInfo.InvariantCulture, $"{-rank:x16}{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}");

    /// <summary>False for what is no version id.</summary>
    public static bool TryReadRank(string versionId, out long rank)
    {
        rank = 0;
        if (versionId.Length != Digits || !versionId.All(char.IsAsciiHexDigitLower)
            || !long.TryParse(versionId.AsSpan(0, RankDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var order))
        {
            return false;
        }

        rank = -order;
        return true;
    }
}
