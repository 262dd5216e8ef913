using System.Diagnostics;

namespace Cloud.EndToEnd.Tests;

/// <summary>The host's processes that a cloud started, told by their command lines and folders.</summary>
internal static class GuestProcesses
{
    /// <summary>Those of one instance of a cloud.</summary>
    public static IReadOnlyList<Process> Of(string data, string instance) =>
        All(data).Where(process => CommandLineOf(process.Id).Contains(instance, StringComparison.Ordinal)).ToList();

    /// <summary>
    /// Those of a whole cloud: every qemu-system-…, and every container's shim, whose command line or working folder leads into its data
    /// folder.
    /// </summary>
    public static IReadOnlyList<Process> All(string data) => Process.GetProcesses()
        .Where(process => CommandLineOf(process.Id).StartsWith("qemu-system-", StringComparison.Ordinal)
            || CommandLineOf(process.Id).Contains("/qemu-system-", StringComparison.Ordinal)
            || CommandLineOf(process.Id).Contains("/cloud-shim ", StringComparison.Ordinal))
        .Where(process => FolderOf(process.Id).StartsWith(data, StringComparison.Ordinal)
            || CommandLineOf(process.Id).Contains(data, StringComparison.Ordinal))
        .ToList();

    /// <summary>All that works in a folder, guests or not.</summary>
    public static IReadOnlyList<Process> In(string folder) => Process.GetProcesses()
        .Where(process => FolderOf(process.Id).StartsWith(folder + "/", StringComparison.Ordinal)).ToList();

    private static string CommandLineOf(int pid) => Read(() => File.ReadAllText($"/proc/{pid}/cmdline").Replace('\0', ' '));

    private static string FolderOf(int pid) => Read(() => new FileInfo($"/proc/{pid}/cwd").LinkTarget ?? "");

    private static string Read(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
