using System.Globalization;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>The ids that an ordinary user may give to others: a range of subuid(5), and one of subgid(5).</summary>
internal sealed record SubIds(uint FirstUser, uint FirstGroup)
{
    /// <summary>What the shim and its word "mapped" are told.</summary>
    public IReadOnlyList<string> Words => [Text(FirstUser), Text(FirstGroup)];

    /// <summary>Those of who runs this process; null where a range that a container needs is not there.</summary>
    public static SubIds? Read() =>
        Find("/etc/subuid") is { } user && Find("/etc/subgid") is { } group ? new SubIds(user, group) : null;

    /// <summary>The first of a user's ranges that is large enough; he is named or numbered.</summary>
    internal static uint? Find(IEnumerable<string> lines, string name, uint id)
    {
        foreach (var line in lines)
        {
            if (line.Split(':') is [var whose, var firstText, var countText]
                && (whose == name || whose == Text(id))
                && uint.TryParse(firstText, NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                && uint.TryParse(countText, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                && count >= OciOptions.UidsEach)
            {
                return first;
            }
        }

        return null;
    }

    private static uint? Find(string file) =>
        File.Exists(file) ? Find(File.ReadLines(file), Environment.UserName, LibC.EffectiveUserId()) : null;

    private static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);
}
