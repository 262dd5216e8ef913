namespace Cloud.Vmm.Qemu;

/// <summary>Finds programs in the folders where Debian has them; the agent's own PATH does not matter.</summary>
internal static class Programs
{
    private static readonly string[] Folders = ["/usr/local/bin", "/usr/bin", "/bin"];

    /// <summary>The absolute path, or null where it is not installed.</summary>
    public static string? Find(string name) => Folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
}
