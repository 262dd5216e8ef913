namespace Cloud.Oci;

/// <summary>Where a volume can be mounted in a container.</summary>
public static class MountPoint
{
    public const string Form = "Expected an absolute path without '.' and '..', not below /proc, /sys or /dev.";

    private const int LengthMax = 1024;

    /// <summary>Where the kernel's own file systems are.</summary>
    private static readonly string[] Closed = ["/proc", "/sys", "/dev"];

    public static bool IsValid(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return path.Length is > 1 and <= LengthMax && path[0] == '/' && !path.Any(char.IsControl)
            && path[1..].Split('/').All(part => part is not ("" or "." or ".."))
            && !Closed.Any(closed => path == closed || path.StartsWith(closed + "/", StringComparison.Ordinal));
    }
}
