using System.Globalization;

namespace Cloud.Vmm.Qemu;

/// <summary>Finds who has a file open, by /proc: for a process that was started and nobody came to write down.</summary>
internal static class LockHolders
{
    public static IReadOnlyList<int> Find(string path)
    {
        var target = Path.GetFullPath(path);
        return Directory.EnumerateDirectories("/proc")
            .Select(Path.GetFileName)
            .Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
            .Where(id => id != Environment.ProcessId && HasOpen(id, target))
            .ToList();
    }

    private static bool HasOpen(int processId, string target)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/fd")
                .Any(descriptor => new FileInfo(descriptor).LinkTarget == target);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            // It ended meanwhile, or is another user's: not one that this agent started.
            return false;
        }
    }
}
